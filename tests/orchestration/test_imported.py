"""Profiles that start from a set of others: its conversations are trained on, or its labels get rationales."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import fake_method
import pytest
from conftest import House

from genprm.checkpoints import read_checkpoint
from genprm.manifest import read_manifest
from genprm.miniature.world.generation import generate_problems
from genprm.miniature.world.judge import judge_problem
from genprm.miniature.world.solutions import Habits, careless_steps
from genprm.records import FilterDecision, Problem, Solution, StepLabels
from genprm.settings import SettingsError
from genprm.store import TableStore, profile_store


def labels_file(folder: Path, rows: list[dict[str, object]]) -> Path:
    file = folder / "labels.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def stepwise(problem: str, wrong: int) -> dict[str, object]:
    return {"prompt": problem, "completions": ["a", "b"], "labels": [step != wrong for step in range(2)]}


def test_only_what_trains_and_measures_is_made(house: House, tmp_path: Path) -> None:
    file = labels_file(tmp_path, [stepwise("1 + 1?", 1), stepwise("1 + 2?", -1)])
    training = {"modes": ["direct"], "source": {"format": "trl-stepwise", "data": str(file)}}
    house.use(fake_method.fake_profile(training=training))
    made = house.make()
    assert {node.split()[0] for node in made} == {
        *("problems", "training_set", "checkpoints", "evaluation_set", "processbench", "leaderboard", "report")
    }
    assert set(fake_method.calls()) == {"checkpoints", "evaluation_set", "processbench"}
    stored = profile_store("fake").read(Problem, "problems")
    assert [problem.problem for problem in stored] == ["1 + 1?", "1 + 2?"]
    assert house.late() == []

    labels_file(tmp_path, [stepwise("1 + 1?", 0), stepwise("1 + 2?", -1)])
    house.use(house.profile)
    assert house.reported == ["parameters/imported all"]
    again = house.make()
    assert "training_set main" in again
    assert "checkpoints tiny.main.direct" in again


def test_the_plan_of_such_a_profile_samples_nothing(tmp_path: Path) -> None:
    from genprm.planning.assumptions import read_assumptions
    from genprm.planning.saved import plan_from_assumptions

    for section in ("training", "labels"):
        profile = fake_method.fake_profile(**{section: {"source": {"data": "x.jsonl"}}})
        planned = plan_from_assumptions(profile, read_assumptions([]))
        assert [row.artifact for row in planned.rows] == ["processbench"]


def three_steps(problem: str, wrong: int) -> dict[str, object]:
    return {"prompt": problem, "completions": ["a", "b", "c"], "labels": [step != wrong for step in range(3)]}


def test_labels_of_others_get_rationales_and_nothing_is_sampled_or_rolled_out(house: House, tmp_path: Path) -> None:
    rows = [three_steps(f"1 + {n}?", -1 if n % 2 else 2) for n in range(4)]
    source = {"format": "trl-stepwise", "data": str(labels_file(tmp_path, rows))}
    house.use(fake_method.fake_profile(labels={"variants": {"hard": {"estimator": "hard"}}, "source": source}))
    made = house.make()
    artifacts = {node.split()[0] for node in made}
    assert {
        "problems",
        "imported_solutions",
        "rpe_labels",
        "rationales",
        "filtered_set",
        "label_quality",
    } <= artifacts
    assert {"training_set", "checkpoints", "leaderboard", "report"} <= artifacts
    assert not {"solutions", "mc_scores"} & artifacts
    assert not {"solutions", "mc_scores"} & set(fake_method.calls())
    assert house.late() == []

    store = profile_store("fake")
    shards = ("0-of-2", "1-of-2")
    solutions = [row for shard in shards for row in store.read(Solution, "imported_solutions", shard)]
    labels = [row for shard in shards for row in store.read(StepLabels, "rpe_labels", f"{shard}|main")]
    assert sorted(row.problem for row in solutions) == [row["prompt"] for row in rows]
    found = {row.solution_id: row.labels for row in labels}
    assert all(found[row.id] == ([1, 1, 1] if row.correct else [1, 1, 0]) for row in solutions)
    decisions = [row for shard in shards for row in store.read(FilterDecision, "filtered_set", f"{shard}|main")]
    assert len(decisions) == 4
    assert all(row.kept for row in decisions), "the fake rationale model finds exactly these errors"

    labels_file(tmp_path, [three_steps("1 + 0?", 1), *rows[1:]])
    house.use(house.profile)
    assert house.reported == ["parameters/imported all"]
    assert "imported_solutions 0-of-2" in house.late()


def test_one_set_is_given_at_most() -> None:
    with pytest.raises(SettingsError, match=r"training\.source and labels\.source are both given, allowed: one"):
        fake_method.fake_profile(labels={"source": {"data": "x.jsonl"}}, training={"source": {"data": "y.jsonl"}})


def world_labels(solutions: int) -> list[dict[str, object]]:
    """Solutions of the miniature's world with the program's labels, half of them wrong."""
    rng = random.Random(0)
    rows: list[dict[str, object]] = []
    counts = {True: 0, False: 0}
    for problem in generate_problems("pipeline", 20 * solutions):
        steps, _ = careless_steps(rng, problem, Habits())
        wrong = judge_problem(problem, steps).first_error
        if counts[wrong < 0] < solutions // 2:
            counts[wrong < 0] += 1
            labels = [step != wrong for step in range(len(steps))]
            rows.append({"prompt": problem.text, "completions": steps, "labels": labels})
    return rows


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_three_lines_train_the_miniature_from_an_imported_set(tmp_path: Path) -> None:
    file = labels_file(tmp_path, world_labels(200))
    profile = tmp_path / "imported.yaml"
    profile.write_text(
        "extends: miniature\n"
        f"training: {{modes: [direct], epochs: 2, source: {{format: trl-stepwise, data: {file}}}}}\n"
    )
    environment = {**os.environ, "GENPRM_HOME": str(tmp_path), "GENPRM_SET": "", "GENPRM_PROFILE": str(profile)}
    program = Path(sys.executable).with_name("genprm")
    command = [program, "run", "--select", "problems", "--select", "training_set", "--select", "checkpoints"]
    done = subprocess.run(command, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    store = TableStore(tmp_path / "imported")
    trained = read_manifest(Path(read_checkpoint(store, "miniature.main.direct").weights))
    assert trained is not None
    assert (trained.inference_mode, trained.examples) == ("direct", 200)
