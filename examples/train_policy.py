"""Train the miniature's policy on rewards of its verifier, and look at what the choice of the reward does to it.

    python examples/train_policy.py --choice gated --updates 40 --out policy-gated

TRL's GRPOTrainer samples solutions of training problems; `genprm.policy_rewards.trl.genprm_reward` pays for them by
the verifier's verdicts. Before and after, the policy solves held-out problems. How many it solves says what it
learnt; how many steps it writes, and how many of them are right (the miniature's world knows), say how.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import statistics
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from genprm.domains.mathematics import MATHEMATICS
from genprm.engines import open_engine, resolve_model
from genprm.event_loops import BackgroundLoop, together
from genprm.intervals import Difference, paired_difference
from genprm.miniature.world.generation import generate_problems
from genprm.miniature.world.judge import judge
from genprm.policy_rewards.choices import Choice
from genprm.policy_rewards.options import close_shared_rewards
from genprm.policy_rewards.trl import genprm_reward
from genprm.profiles import load_profile
from genprm.records import NO_ERROR, SampledSolution
from genprm.scaling.candidates import answer_problems, sample_candidate
from genprm.settings import ScalingSettings

PROFILE = load_profile("miniature")
SOLUTIONS = PROFILE.solutions
GROUP = 8
"""Solutions of one problem, whose rewards are compared."""


@dataclass(frozen=True, slots=True)
class Solved:
    """What a policy makes of held-out problems: shares in percent, and steps and tokens per solution.

    `flawless` solutions have the right answer and no wrong step; `right_steps` are those before the first wrong one
    of all that were written.
    """

    right: float
    flawless: float
    right_steps: float
    steps: float
    tokens: float


def train(choice: Choice, updates: int, problems: int, seed: int, out: Path) -> None:
    """Train the shipped policy for some updates, of so many problems each, and save it in `out`."""
    rows = [
        {
            "prompt": [{"role": "user", "content": SOLUTIONS.prompt.format(problem=problem.text)}],
            "problem": problem.text,
            "answer": problem.answer,
        }
        for problem in generate_problems("pipeline", updates * problems, seed)
    ]
    config = GRPOConfig(
        output_dir=str(out),
        max_steps=updates,
        per_device_train_batch_size=problems * GROUP,
        num_generations=GROUP,
        max_completion_length=SOLUTIONS.sampling.max_tokens,
        temperature=1.0,
        learning_rate=3e-4,
        lr_scheduler_type="constant",
        beta=0.0,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        seed=seed,
    )
    reward = functools.partial(
        genprm_reward, reward_options={"choice": choice.value, "model": "miniature/rationale"}
    )
    trainer = GRPOTrainer(
        resolve_model(SOLUTIONS.model), reward_funcs=[reward], args=config, train_dataset=Dataset.from_list(rows)
    )
    with contextlib.redirect_stdout(sys.stderr):  # the lines of each update; what is printed is the report alone
        trainer.train()
    close_shared_rewards()
    trainer.save_model(str(out))


def solve(model: str, problems: int, samples: int) -> list[list[SampledSolution]]:
    """Samples of each held-out problem; the same problems and seeds for every policy."""
    settings = ScalingSettings(
        model=model,
        limit=problems,
        candidates=samples,
        system=SOLUTIONS.system,
        prompt=SOLUTIONS.prompt,
        prefill=SOLUTIONS.prefill,
        sampling=SOLUTIONS.sampling,
    )
    held_out = answer_problems("miniature", settings)
    engine, loop = open_engine(model, PROFILE.engine), BackgroundLoop("policy")

    async def sampled() -> list[SampledSolution]:
        with MATHEMATICS.grader() as grader:
            return await together(
                [
                    sample_candidate(problem, index, engine, settings, grader)
                    for problem in held_out
                    for index in range(samples)
                ]
            )

    try:
        flat = loop.run(sampled()).result()
        loop.run(engine.close()).result()
    finally:
        loop.stop()
    return [flat[first : first + samples] for first in range(0, len(flat), samples)]


def look(solutions: list[list[SampledSolution]]) -> Solved:
    """What the solutions are like."""
    flat = [one for group in solutions for one in group]
    errors = [judge(one.problem, one.steps).first_error if one.steps else 0 for one in flat]
    written = sum(len(one.steps) for one in flat)
    right_steps = sum(len(one.steps) if e == NO_ERROR else e for one, e in zip(flat, errors, strict=True))
    flawless = [one.correct and e == NO_ERROR for one, e in zip(flat, errors, strict=True)]
    return Solved(
        right=100 * statistics.fmean(one.correct for one in flat),
        flawless=100 * statistics.fmean(flawless),
        right_steps=100 * right_steps / written if written else 0.0,
        steps=written / len(flat),
        tokens=statistics.fmean(one.tokens for one in flat),
    )


def gain(before: list[list[SampledSolution]], after: list[list[SampledSolution]]) -> Difference:
    """How many more solutions are right, in points with a 95 % interval over problems."""
    pairs = zip(before, after, strict=True)
    return paired_difference(
        [[float(b.correct) - float(a.correct) for a, b in zip(old, new, strict=True)] for old, new in pairs]
    )


def main() -> None:
    """Solve, train, solve again, and print what changed as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--choice", type=Choice, choices=list(Choice), default=Choice.GATED)
    parser.add_argument("--updates", type=int, default=40)
    parser.add_argument("--problems", type=int, default=8, help="training problems of one update")
    parser.add_argument("--held-out", type=int, default=200, help="problems that are solved before and after")
    parser.add_argument("--samples", type=int, default=4, help="solutions of each held-out problem")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="where the trained policy goes")
    told = parser.parse_args()
    before = solve(SOLUTIONS.model, told.held_out, told.samples)
    train(told.choice, told.updates, told.problems, told.seed, told.out)
    after = solve(str(told.out), told.held_out, told.samples)
    difference = gain(before, after)
    report = {
        "choice": told.choice.value,
        "updates": told.updates,
        "seed": told.seed,
        "before": asdict(look(before)),
        "after": asdict(look(after)),
        "gain": {"points": difference.points, "ci95": list(difference.ci95)},
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
