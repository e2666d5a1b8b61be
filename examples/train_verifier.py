"""Train the miniature's verifier further by reinforcement, on fresh solutions, and look at what became of it.

    python examples/train_verifier.py --model CHECKPOINT --seeds 0 1 2 --out verifiers

The miniature's policy solves new training problems. Whether its final answer is right is all that the reward
`outcome` needs (`--labels answer`); with `--labels program` the miniature's world says which step is the first
wrong one, as people would. Before and after, the verifier judges held-out solutions. Prints what changed as JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from genprm import GenPRM
from genprm.data_sets.problems import problem_id
from genprm.domains.mathematics import MATHEMATICS
from genprm.engines import open_engine, resolve_model
from genprm.engines.base import Engine
from genprm.evaluation.metrics import Judged, f1_difference, score, single_paths, voted
from genprm.evaluation.miniature import NOT_CLAIMED, miniature_cases
from genprm.event_loops import BackgroundLoop, together
from genprm.intervals import Difference, paired_difference
from genprm.miniature.world.generation import generate_problems
from genprm.miniature.world.judge import judge
from genprm.modes import Mode
from genprm.profiles import MachineSettings, load_profile
from genprm.records import NO_ERROR, BenchmarkCase, Prediction, Problem, SampledSolution
from genprm.scaling.candidates import sample_candidate
from genprm.settings import ReinforcementSettings, ScalingSettings, TrainingSettings
from genprm.training.rl.episodes import LabelledCase
from genprm.training.rl.job import ReinforcementJob, train_further
from genprm.training.rl.points import read_points
from genprm.verification.manifest import model_manifest

PROFILE = load_profile("miniature")
SOLUTIONS = PROFILE.solutions
ENGINE = PROFILE.engine
SAMPLES = 4
"""Solutions that are sampled of each training problem, of which one right and one wrong one are taken."""
HELD_OUT_SEED = 99
"""The held-out problems are others than those of the pipeline's evaluation."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Judging:
    """How a verifier judges held-out solutions, in percent but for what is per verification.

    `f1` is the mean of both subsets, a path at a time, and `majority_f1` that of the mean of all paths. `accepted`
    is the share of wrong solutions in which no step was judged wrong, `refused` that of right ones in which one
    was.
    """

    f1: float
    majority_f1: float
    found: float
    accepted: float
    refused: float
    tokens: float
    code_blocks: float


def with_policy(work: Callable[[Engine], Coroutine[Any, Any, T]]) -> T:
    """The result of `work(engine)`, a coroutine, with the miniature's policy."""
    engine, loop = open_engine(SOLUTIONS.model, ENGINE), BackgroundLoop("policy")
    try:
        done = loop.run(work(engine)).result()
        loop.run(engine.close()).result()
    finally:
        loop.stop()
    return done


def solve(problems: int, seed: int) -> list[SampledSolution]:
    """Solutions of training problems that the pipeline does not see."""
    asked = [
        Problem(problem_id(one.text), one.text, one.answer, "miniature")
        for one in generate_problems("pipeline", problems, 1000 + seed)
    ]
    settings = ScalingSettings(
        model=SOLUTIONS.model,
        system=SOLUTIONS.system,
        prompt=SOLUTIONS.prompt,
        prefill=SOLUTIONS.prefill,
        sampling=SOLUTIONS.sampling,
        seed=seed,
    )

    async def sampled(engine: Engine) -> list[SampledSolution]:
        with MATHEMATICS.grader() as grader:
            wanted = [(one, index) for one in asked for index in range(SAMPLES)]
            return await together([sample_candidate(one, index, engine, settings, grader) for one, index in wanted])

    return with_policy(sampled)


def label_of(solution: SampledSolution, labels: str) -> int | None:
    """The first wrong step, -1 for none; None where nothing is claimed. An answer tells no more than whether one is
    wrong, so that the last step stands for it."""
    if labels == "answer":
        return NO_ERROR if solution.correct else len(solution.steps) - 1
    judged = judge(solution.problem, solution.steps)
    return None if judged.kind == NOT_CLAIMED else judged.first_error


def training_cases(problems: int, labels: str, wrong_per_right: int, seed: int) -> list[LabelledCase]:
    """Labelled solutions, at most one right and one wrong one of each problem. More wrong ones than right ones make
    a verifier that accepts less."""
    of_kind: dict[bool, dict[str, LabelledCase]] = {True: {}, False: {}}
    for one in solve(problems, seed):
        label = label_of(one, labels) if len(one.steps) > 1 and one.final_answer is not None else None
        if label is not None:
            case = LabelledCase(one.id, one.problem, one.steps, label)
            of_kind[label == NO_ERROR].setdefault(one.problem_id, case)
    right, wrong = (list(of_kind[is_right].values()) for is_right in (True, False))
    count = min(len(right), len(wrong) // wrong_per_right)
    return [*right[:count], *wrong[: wrong_per_right * count]]


def judge_held_out(model: str, mode: Mode, cases: Sequence[BenchmarkCase], votes: int) -> list[Prediction]:
    """What a verifier says of each case, in so many paths."""
    with GenPRM.load(model, ENGINE, mode) as prm:
        return prm.evaluate(cases, votes)


def look(rows: Sequence[Prediction], votes: int) -> Judging:
    """What the predictions are like."""
    judged = single_paths(rows)
    wrong = [(case.label, one) for case in judged if case.label != NO_ERROR for one in case.predictions]
    right = [one for case in judged if case.label == NO_ERROR for one in case.predictions]
    f1, majority_f1 = score(judged).mean_f1, score(voted(rows)).mean_f1
    assert f1 is not None
    assert majority_f1 is not None
    paths = votes * len(rows)
    return Judging(
        f1=f1,
        majority_f1=majority_f1,
        found=100 * statistics.fmean(label == one for label, one in wrong),
        accepted=100 * statistics.fmean(one == NO_ERROR for _, one in wrong),
        refused=100 * statistics.fmean(one != NO_ERROR for one in right),
        tokens=sum(row.tokens for row in rows) / paths,
        code_blocks=sum(row.executions for row in rows) / paths,
    )


def accepted_difference(before: Sequence[Judged], after: Sequence[Judged]) -> Difference:
    """How many more wrong solutions are accepted, in points with a 95 % interval over solutions."""
    pairs = zip(before, after, strict=True)
    return paired_difference([[accepted(new) - accepted(old)] for old, new in pairs if old.label != NO_ERROR])


def accepted(case: Judged) -> float:
    """The share of the paths over a case that judged no step wrong."""
    return statistics.fmean(one == NO_ERROR for one in case.predictions)


def training_settings(told: argparse.Namespace, seed: int) -> TrainingSettings:
    """The miniature's, with reinforcement as it was told.

    Raises:
        ValidationError: a value that is not allowed.
    """
    rl = ReinforcementSettings(
        reward=told.reward,
        credit=told.credit,
        updates=told.updates,
        solutions=16,
        group=8,
        updates_per_batch=told.per_batch,
        learning_rate=told.learning_rate,
        warmup=5,
        weight_decay=0.0,
        kl=told.kl,
        temperature=told.temperature,
    )
    own = {"rl": rl, "seed": seed, "batch_size": 16, "device_batch_size": 16}
    return TrainingSettings.model_validate({**PROFILE.training.model_dump(), **own})


def train(told: argparse.Namespace, mode: Mode, settings: TrainingSettings, out: Path) -> None:
    """Train the verifier further and save it."""
    manifest = model_manifest(told.model)
    assert manifest.verifier is not None
    verifier = manifest.verifier.model_copy(update={"seed": settings.seed})
    job = ReinforcementJob(
        resolve_model(told.model),
        settings,
        PROFILE.consensus.mask_code_output,
        out,
        {"inference_mode": mode, "verifier": verifier.model_dump(mode="json")},
        MachineSettings(ENGINE, PROFILE.sandbox),
    )
    cases = training_cases(told.problems, told.labels, told.wrong, settings.seed)
    train_further(cases, job, {}, lambda line: print(line, file=sys.stderr))


def paths_together(rows: Sequence[Sequence[Prediction]]) -> list[Judged]:
    """The paths of several verifiers over the same cases, as those of one."""
    several = [single_paths(one) for one in rows]
    return [
        Judged(case.id, case.subset, case.label, tuple(p for one in several for p in one[index].predictions))
        for index, case in enumerate(several[0])
    ]


def changed(before: Sequence[Prediction], after: Sequence[Sequence[Prediction]]) -> dict[str, Any]:
    """What training did, in points with 95 % intervals over cases; several trained verifiers count as one."""
    first, then = single_paths(before), paths_together(after)
    return {
        "f1": asdict(f1_difference(then, first)),
        "accepted": asdict(accepted_difference(first, then)),
    }


def main() -> None:
    """Judge, train with each seed, judge again, and print what changed as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="miniature/rationale", help="the verifier that is trained further")
    parser.add_argument("--mode", type=Mode, help="how it judges; as it was trained when not given")
    parser.add_argument("--reward", default="outcome", help="outcome, location or steps")
    parser.add_argument("--credit", default="verification", help="verification, or step (with the reward steps)")
    parser.add_argument("--labels", choices=["answer", "program"], default="answer")
    parser.add_argument("--wrong", type=int, default=2, help="wrong solutions for each right one")
    parser.add_argument("--updates", type=int, default=100)
    parser.add_argument("--per-batch", type=int, default=4, help="updates from one batch of 16 x 8 verifications")
    parser.add_argument("--problems", type=int, default=1000, help="training problems whose solutions are judged")
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--temperature", type=float, default=1.2)
    parser.add_argument("--kl", type=float, default=0.0)
    parser.add_argument("--held-out", type=int, default=200, help="solutions of each subset that are judged")
    parser.add_argument("--votes", type=int, default=4, help="paths of each of them")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the trained verifiers, one of each seed")
    told = parser.parse_args()
    trainings = [training_settings(told, seed) for seed in told.seeds]
    mode = told.mode or model_manifest(told.model).inference_mode or Mode.FULL
    cases = with_policy(lambda engine: miniature_cases(engine, SOLUTIONS, told.held_out, HELD_OUT_SEED))
    before = judge_held_out(told.model, mode, cases, told.votes)
    after, seeds = [], []
    for seed, settings in zip(told.seeds, trainings, strict=True):
        out = told.out / str(seed)
        train(told, mode, settings, out)
        after.append(judge_held_out(str(out), mode, cases, told.votes))
        curve = read_points(out)
        ends = {"first": asdict(curve[0]), "last": asdict(curve[-1])}
        changes = changed(before, after[-1:])
        seeds.append({"seed": seed, "after": asdict(look(after[-1], told.votes)), "change": changes, **ends})
        print(json.dumps(seeds[-1]), file=sys.stderr)
    report = {
        "settings": {name: str(value) for name, value in vars(told).items() if name != "out"},
        "before": asdict(look(before, told.votes)),
        "seeds": seeds,
        "change": changed(before, after),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
