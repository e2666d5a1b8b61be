"""What is said to be out of date after a value changed, and why; and what `refresh` and the sensor make of it."""

from __future__ import annotations

from typing import Any

import dagster as dg
import fake_method
import pytest
from conftest import House

from genprm.store import profile_store
from orchestration import sensors
from orchestration.checks import in_sync
from orchestration.dagster_private import artifact_job
from orchestration.runner import REFRESH
from orchestration.staleness import Node, Staleness
from orchestration.standing import foretold, standing_json
from orchestration.survey import Survey, survey
from orchestration.worker import Order, execute

STALE = [Node("rpe_labels", "0-of-2|main"), Node("rpe_labels", "1-of-2|main")]
DOWNSTREAM = (
    "filtered_set",
    "label_quality",
    "training_set",
    "checkpoints",
    "processbench",
    "leaderboard",
    "report",
)
SESSION = {".dagster/genprm_session": "one"}


def look(house: House, **change: Any) -> Survey:
    """How everything stands under a profile."""
    house.use(fake_method.fake_profile(**change))
    return survey(house.instance, house.graph, profile_store("fake"))


def test_the_reason_names_the_value_old_and_new(made_once: House) -> None:
    found = look(made_once, labels={"epsilon": 0.5})
    assert list(found.late) == STALE
    assert {found.why(node) for node in STALE} == {"labels.epsilon 0.8 -> 0.5"}

    found = look(made_once, training={"epochs": 2})
    assert "training.epochs 1.0 -> 2.0" in found.why(Node("checkpoints", "tiny.main.cot"))
    assert look(made_once).late == {}


def test_what_is_made_from_something_stale_is_behind_it(made_once: House) -> None:
    found = look(made_once, labels={"epsilon": 0.5})
    assert {node.asset for node in found.behind} == set(DOWNSTREAM)
    assert not any("hard" in str(node) or "untrained" in str(node) for node in found.behind)
    assert found.why(Node("report", None)) == "made from rpe_labels 0-of-2|main, which is stale"
    checked = {name: in_sync(found, dg.AssetKey(name)) for name in ("mc_scores", "rpe_labels", *DOWNSTREAM)}
    assert [name for name, result in checked.items() if result.passed] == ["mc_scores"]


def test_programs_are_told_every_partition_and_people_what_would_be_made(made_once: House) -> None:
    found = look(made_once, labels={"epsilon": 0.5})
    told: Any = standing_json("fake", found)
    assert told["fresh"] is False
    row = {"asset": "rpe_labels", "partition": "0-of-2|main", "state": "stale", "why": "labels.epsilon 0.8 -> 0.5"}
    assert row in told["partitions"]
    *due, rest = foretold(found, list(found.standings))
    assert due == [f"{node}  stale: labels.epsilon 0.8 -> 0.5" for node in STALE]
    assert rest.startswith(f"{len(found.behind)} more are made from these")

    found = look(made_once)
    assert standing_json("fake", found)["fresh"] is True
    assert foretold(found, list(found.standings)) == ["everything is fresh"]


def test_the_sensor_warns_on_each_asset_concerned_once(made_once: House, monkeypatch: pytest.MonkeyPatch) -> None:
    sensor = made_once.defs.resolve_sensor_def("parameters")
    monkeypatch.setattr(sensors, "load_profile", fake_method.fake_profile)
    monkeypatch.setattr(sensors, "profile_store", lambda name: profile_store("fake"))
    look(made_once)
    with dg.build_sensor_context(instance=made_once.instance) as context:
        first = sensor(context)
    assert isinstance(first, dg.SensorResult)
    assert all(event.passed for event in first.asset_events)
    with dg.build_sensor_context(instance=made_once.instance, cursor=first.cursor) as context:
        assert isinstance(sensor(context), dg.SkipReason)

    changed = fake_method.fake_profile(labels={"epsilon": 0.5})
    monkeypatch.setattr(sensors, "load_profile", lambda: changed)
    with dg.build_sensor_context(instance=made_once.instance, cursor=first.cursor) as context:
        second = sensor(context)
    warned = {event.asset_key.to_user_string() for event in second.asset_events}
    assert warned == {"rpe_labels", *DOWNSTREAM}
    assert not any(event.passed for event in second.asset_events)
    look(made_once)


def test_refresh_is_out_of_date_when_a_parameter_changed_and_not_after_everything_was_made(
    made_once: House,
) -> None:
    def state() -> str:
        return Staleness(made_once.instance, made_once.graph).standing(Node(REFRESH, None)).state

    look(made_once)
    assert state() == "missing"
    assert execute(made_once.defs, made_once.instance, Order(REFRESH, None), SESSION).error == ""
    assert state() == "fresh"
    look(made_once, labels={"epsilon": 0.5})
    assert state() == "stale"
    look(made_once)


def test_refresh_leaves_everything_alone_when_it_is_launched_together_with_others(made_once: House) -> None:
    look(made_once)
    keys = [dg.AssetKey(REFRESH), dg.AssetKey("problems")]
    both = made_once.defs.resolve_implicit_global_asset_job_def()
    result = both.execute_in_process(instance=made_once.instance, asset_selection=keys)
    made = {event.asset_key for event in result.get_asset_materialization_events()}
    assert made == {dg.AssetKey("problems")}


def test_a_run_of_one_partition_does_not_look_at_all_others(made_once: House) -> None:
    """`in_sync` looks at every partition that an artifact is made from. After each of them it would cost their
    number squared; the runner makes one report when all are made."""
    look(made_once)
    ended = execute(made_once.defs, made_once.instance, Order("solutions", "0-of-2"), SESSION)
    events = made_once.instance.all_logs(ended.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    checked = {event.get_dagster_event().asset_check_evaluation_data.check_name for event in events}
    assert checked == {"right_shard", "both_kinds", "two_steps"}


def test_a_run_of_the_terminal_belongs_to_the_code_location_and_names_its_asset(made_once: House) -> None:
    look(made_once)
    ended = execute(made_once.defs, made_once.instance, Order("problems", None, "for a test"), SESSION)
    run = made_once.instance.get_run_by_id(ended.run_id)
    assert run is not None
    assert run.asset_selection == {dg.AssetKey("problems")}
    assert run.remote_job_origin is not None
    origin = run.remote_job_origin
    assert origin.repository_origin.code_location_origin.location_name == "genprm"
    assert origin.job_name == artifact_job(made_once.defs, "problems").name
    shown = {name: value for name, value in run.tags.items() if not name.startswith(".dagster/")}
    assert shown == {"genprm/reason": "for a test", "dagster/code_location": "genprm"}
