"""What the small models can do, against program truth, on problems that none of them was trained on.

`python -m genprm.miniature.foundry.measure FOLDER [--problems N] [--each N] [--votes N]` prints the table for the
models in FOLDER.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from genprm.miniature.foundry.documents import ASSISTANT, JUDGE_DIRECTLY, TURN_END, USER, prompt
from genprm.miniature.foundry.sampler import JUDGING, Conversation, Read, Sampler, Sampling, Verdict, Write
from genprm.miniature.foundry.tokenizer import END
from genprm.miniature.world.generation import generate_problems
from genprm.miniature.world.judge import Judgement, judge_problem
from genprm.miniature.world.names import Split
from genprm.miniature.world.problems import MiniatureProblem, calculate
from genprm.miniature.world.solutions import STEP_SEPARATOR, right_steps

Execute = Callable[[str], str]
_FIRST = "Step 1:"
_CODE = re.compile(
    r"expected = (?:(\d+) (\+|-|\*|//) (\d+)|(\d+)|None)(?:\nfinal = (True|False))?"
    r"\nprint\(expected, expected == (\d+)( and final)?\)"
)
_BOXED = re.compile(r"\\boxed\{(\d+)\}")


@dataclass(frozen=True, slots=True)
class Solved:
    """A sampled solution with its program truth."""

    problem: MiniatureProblem
    steps: tuple[str, ...]
    truth: Judgement

    @property
    def correct(self) -> bool:
        """Whether the final answer is the right one."""
        return answer_of(STEP_SEPARATOR.join(self.steps)) == self.problem.answer


def answer_of(text: str) -> str | None:
    """The last boxed number; None without one."""
    found = _BOXED.findall(text)
    return found[-1] if found else None


def calculate_snippet(code: str) -> str:
    """The output of a code snippet of this world's form, without running it: for measuring in bulk.

    For other snippets it is an error; to have them run, give the measurement a real sandbox as `execute`.
    """
    match = _CODE.fullmatch(code)
    if not match:
        return "SyntaxError"
    left, op, right, plain, final, claim, checked = match.groups()
    expected: int | None = None if plain is None else int(plain)
    if op:
        if op == "//" and right == "0":
            return "ZeroDivisionError"
        expected = int(left) // int(right) if op == "//" else calculate(int(left), op, int(right))
        if expected is None:
            expected = int(left) - int(right)
    if checked and final is None:
        return "NameError"
    return f"{expected} {expected == int(claim) and (not checked or final == 'True')}"


def solve_talk(start: str) -> Conversation:
    """Writes a solution after `start`, which ends with the number of the step to write."""
    yield Read(start)
    text = yield Write()
    return str(text).removesuffix(END)


def steps_of(text: str) -> tuple[str, ...]:
    """The steps of a solution's text."""
    return tuple(step.strip() for step in text.split(STEP_SEPARATOR) if step.strip())


def sample_solutions(
    sampler: Sampler, problems: Sequence[MiniatureProblem], sampling: Sampling, seed: int = 0
) -> list[Solved]:
    """One solution per problem."""
    talks = [solve_talk(prompt("Solve", p.text) + _FIRST) for p in problems]
    texts = [_FIRST + str(text) for text in sampler.run(talks, sampling, seed)]
    solved = []
    for problem, text in zip(problems, texts, strict=True):
        steps = steps_of(text)
        solved.append(Solved(problem, steps, judge_problem(problem, list(steps))))
    return solved


def verify_talk(problem: MiniatureProblem, steps: Sequence[str], mode: str, execute: Execute) -> Conversation:
    """Judges step by step up to the first No; returns the probabilities of Yes."""
    rewards: list[float] = []
    opening = JUDGE_DIRECTLY if mode == "direct" else ""
    for index, step in enumerate(steps):
        question = f"Question: {problem.text}\n\n{step}" if index == 0 else step
        yield Read(f"{opening}{USER}{question}{TURN_END}{ASSISTANT}")
        opening = ""
        if mode in ("full", "cot", "text"):
            yield Read("<analyze>\n")
            yield Write(("</analyze>\n",), 160)
        if mode in ("full", "code", "text"):
            yield Read("<verify>\n```python\n")
            code = str((yield Write(("\n```\n",), 60)))
            if mode == "text":
                yield Read("[Code Output]\n\n```\n")
                yield Write(("\n```\n",), 30)
            else:
                yield Read(f"[Code Output]\n\n```\n{execute(code.removesuffix(chr(10) + '```' + chr(10)))}\n```\n")
            yield Read("</verify>\n")
        yield Read("<output>\n**Judgement**: $\\boxed{")
        chance = yield Verdict()
        rewards.append(float(chance))
        if rewards[-1] < 0.5:
            break
        yield Read(f"}}$\n</output>\n{TURN_END}")
    return rewards


def first_below(rewards: Sequence[float]) -> int:
    """The index of the first reward below one half, -1 without one."""
    return next((index for index, reward in enumerate(rewards) if reward < 0.5), -1)


def mean_rewards(paths: Sequence[Sequence[float]]) -> list[float]:
    """The mean reward of each step over the paths; a path that stopped at its No keeps that reward afterwards."""
    longest = max(len(path) for path in paths)
    return [sum(path[min(i, len(path) - 1)] for path in paths) / len(paths) for i in range(longest)]


def score(predictions: Sequence[int], truths: Sequence[Judgement]) -> dict[str, object]:
    """Accuracy on wrong and on right solutions, their harmonic mean (percent), and recall by kind of error."""
    hits: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for prediction, truth in zip(predictions, truths, strict=True):
        group = truth.kind or "right"
        totals[group] += 1
        hits[group] += prediction == truth.first_error
    wrong = sum(totals.values()) - totals["right"]
    error = (sum(hits.values()) - hits["right"]) / max(wrong, 1)
    correct = hits["right"] / max(totals["right"], 1)
    return {
        "error": round(100 * error, 1),
        "correct": round(100 * correct, 1),
        "f1": round(200 * error * correct / (error + correct), 1) if error + correct else 0.0,
        "recall": {kind: f"{hits[kind] / totals[kind]:.2f} ({totals[kind]})" for kind in sorted(totals)},
    }


def judged_set(solved: Sequence[Solved], each: int) -> list[Solved]:
    """At most `each` right and `each` wrong solutions whose truth is clear."""
    right = [s for s in solved if s.truth.kind is None][:each]
    wrong = [s for s in solved if s.truth.kind not in (None, "format")][:each]
    return right + wrong


def measure_judge(
    sampler: Sampler,
    solved: Sequence[Solved],
    mode: str,
    votes: int = 1,
    execute: Execute = calculate_snippet,
) -> dict[str, object]:
    """F1 of single paths (all `votes` paths of each solution pooled) and of their mean reward."""
    talks = [verify_talk(s.problem, s.steps, mode, execute) for s in solved for _ in range(votes)]
    started = time.monotonic()
    results = [r if isinstance(r, list) and r else [0.5] for r in sampler.run(talks, JUDGING)]
    truths = [s.truth for s in solved for _ in range(votes)]
    table = score([first_below(r) for r in results], truths)
    table["seconds"] = round(time.monotonic() - started, 1)
    if votes > 1:
        joined = [mean_rewards(results[i : i + votes]) for i in range(0, len(results), votes)]
        voted = score([first_below(r) for r in joined], [s.truth for s in solved])
        table[f"maj{votes}"] = [voted[key] for key in ("error", "correct", "f1")]
    return table


def measure_policy(solved: Sequence[Solved]) -> dict[str, object]:
    """Accuracy of the answers, share of clear mistakes by kind, and wrong first steps per judged step."""
    kinds = Counter(s.truth.kind or "right" for s in solved)
    judged = sum(len(s.steps) if s.truth.first_error < 0 else s.truth.first_error + 1 for s in solved)
    mistakes = sum(s.truth.first_error >= 0 for s in solved)
    return {
        "n": len(solved),
        "accuracy": round(100 * sum(s.correct for s in solved) / len(solved), 1),
        "kinds_percent": {kind: round(100 * count / len(solved), 1) for kind, count in kinds.most_common()},
        "wrong_per_step": round(mistakes / judged, 3),
    }


def measure_completion(sampler: Sampler, solved: Sequence[Solved], rollouts: int) -> dict[str, object]:
    """How often completions reach the answer after right beginnings and after the first wrong step."""
    starts: list[tuple[str, MiniatureProblem, str]] = []
    for s in solved:
        steps = list(s.steps)
        if 0 <= s.truth.first_error < len(steps) - 1 and s.truth.kind != "format":
            starts.append(("wrong", s.problem, _prompt_after(s.problem, steps[: s.truth.first_error + 1])))
        elif s.truth.kind is None:
            right = right_steps(s.problem)
            place = 1 + len(starts) % (len(right) - 1)
            starts.append(("right", s.problem, _prompt_after(s.problem, right[:place])))
    talks = [solve_talk(start) for _, _, start in starts for _ in range(rollouts)]
    texts = sampler.run(talks, Sampling(0.7))
    hits: dict[str, list[float]] = {"right": [], "wrong": []}
    for index, (group, problem, _) in enumerate(starts):
        mine = texts[index * rollouts : (index + 1) * rollouts]
        hits[group].append(sum(answer_of(str(text)) == problem.answer for text in mine) / rollouts)
    return {
        "after_right": round(sum(hits["right"]) / max(len(hits["right"]), 1), 3),
        "after_right_zero": round(sum(h == 0 for h in hits["right"]) / max(len(hits["right"]), 1), 3),
        "after_wrong": round(sum(hits["wrong"]) / max(len(hits["wrong"]), 1), 3),
        "after_wrong_above_zero": round(sum(h > 0 for h in hits["wrong"]) / max(len(hits["wrong"]), 1), 3),
        "n": [len(hits["right"]), len(hits["wrong"])],
    }


def _prompt_after(problem: MiniatureProblem, steps: Sequence[str]) -> str:
    given = "".join(step + STEP_SEPARATOR for step in steps)
    return f"{prompt('Solve with care', problem.text)}{given}Step {min(len(steps) + 1, 9)}:"


def measure_all(folder: Path, problems: int, each: int, votes: int) -> dict[str, object]:
    """Everything in one table: policy and completion, the rationale model in every mode, the base."""
    drawn = generate_problems(Split.EVALUATION, problems, seed=11)
    policy = Sampler(folder / "policy")
    table: dict[str, object] = {}
    batches: list[list[Solved]] = []
    for temperature in (1.0, 0.7):
        batch = sample_solutions(policy, drawn, Sampling(temperature), seed=int(temperature * 10))
        table[f"policy T={temperature}"] = measure_policy(batch)
        batches.append(batch)
    chosen = judged_set([solved for pair in zip(*batches, strict=True) for solved in pair], each)
    table["completion"] = measure_completion(policy, chosen, 8)
    rationale = Sampler(folder / "rationale")
    table["rationale full"] = measure_judge(rationale, chosen, "full", votes)
    for mode in ("cot", "code", "text", "direct"):
        table[f"rationale {mode}"] = measure_judge(rationale, chosen, mode)
    base = Sampler(folder / "base")
    for mode in ("full", "cot", "direct"):
        table[f"base {mode}"] = measure_judge(base, chosen, mode)
    return table


def main() -> None:
    """Measures the models in a folder and prints one line per row of the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--problems", type=int, default=400)
    parser.add_argument("--each", type=int, default=150)
    parser.add_argument("--votes", type=int, default=4)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    for row, values in measure_all(chosen.folder, chosen.problems, chosen.each, chosen.votes).items():
        print(f"{row}: {json.dumps(values)}", flush=True)


if __name__ == "__main__":
    main()
