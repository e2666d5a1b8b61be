"""Journals of earlier runs are found again: keys and rows are, byte for byte, those recorded at 5e42e9b."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from genprm.domains.mathematics import MATHEMATICS
from genprm.journal import Journal
from genprm.monte_carlo import score_steps
from genprm.records import Solution
from genprm.settings import MonteCarloSettings, SolutionSettings
from genprm.solutions import sample_solutions
from tests.genprm.chance_policy import ChancePolicy, problem


def recorded(path: Path) -> tuple[list[str], str]:
    """The keys of a journal in order, and a digest of its rows."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row["key"] for row in rows], hashlib.sha256(
        json.dumps([row["value"] for row in rows]).encode()
    ).hexdigest()


async def test_sampled_paths_are_found_again(tmp_path: Path) -> None:
    with Journal(tmp_path / "rows.jsonl") as journal, MATHEMATICS.grader() as grader:
        for made_by in (None, "weights-1"):
            settings = SolutionSettings(batch=4, max_samples=24)
            await sample_solutions(problem(4), ChancePolicy(), settings, grader, journal, made_by)
    assert recorded(tmp_path / "rows.jsonl") == (
        [
            "c8123180291206cbcc4bbe9e83b58625",
            "6d7e579ec770c7d17a74ea370c34eed9",
            "e3d4efcc94454e5217bc275ad109a924",
            "c114314d83a058567a2e6d4b7e5c18c0",
        ],
        "7a145a19cf70ee7a8a1ec648d43fbabd3e27e6f679437fe6a791c6aa0ccc1215",
    )


async def test_rollouts_are_found_again(tmp_path: Path) -> None:
    steps = [f"Step {n}: s{n}" for n in range(1, 5)]
    solution = Solution("p4-0", "p4", "What is 4 + 4?", "8", steps, "8", True, 0.5)
    fixed = MonteCarloSettings(tiers=(), rollouts_otherwise=12)
    sequential = MonteCarloSettings(estimator="sequential", system=None)
    with Journal(tmp_path / "rows.jsonl") as journal, MATHEMATICS.grader() as grader:
        for settings in (fixed, sequential):
            await score_steps(solution, ChancePolicy(), settings, grader, journal, ["code 2", "weights-1"])
    keys, rows = recorded(tmp_path / "rows.jsonl")
    assert (keys[0], keys[1], keys[-1], len(keys)) == (
        "2fc3e1fc251b54b0265d2d2d286821c6",
        "578a414c945850e293cd90dc1d0ec714",
        "ff2ccbc085fc332b0b0982e3c66d5156",
        29,
    )
    assert rows == "793b91d38cb389ce0fe1fff6c30de9ab38fbeb56dc960fdad828b8929bafbd1a"
