"""A profile whose models are trained on a set of others: nothing is sampled, labelled or filtered."""

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
from genprm.records import Problem
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

    profile = fake_method.fake_profile(training={"source": {"data": "x.jsonl"}})
    planned = plan_from_assumptions(profile, read_assumptions([]))
    assert [row.artifact for row in planned.rows] == ["processbench"]


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
