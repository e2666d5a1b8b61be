"""Monte-Carlo estimation with dynamic K (paper 4.2, eq. 9): how often each step still leads to the answer."""

from __future__ import annotations

from genprm.answers import AnswerChecker
from genprm.engines.base import Completion, Engine
from genprm.records import Solution, StepScores
from genprm.settings import MonteCarloSettings
from genprm.solutions import derived_seed, final_answer, prompt_messages, sampling_of


def rollouts_for(pass_at_1: float, settings: MonteCarloSettings) -> int:
    """K for a problem whose MC(s_1) is `pass_at_1`: the first tier that it is below, else `rollouts_otherwise`.

    In the paper 128 for [0, 0.1), 64 for [0.1, 0.9), 32 for [0.9, 1].
    """
    for tier in settings.tiers:
        if pass_at_1 < tier.below:
            return tier.rollouts
    return settings.rollouts_otherwise


def rollout_prefill(steps: list[str], done: int) -> str:
    """The open assistant turn after the first `done` steps: they, and the header of the next."""
    return "\n\n".join([*steps[:done], f"Step {done + 1}:"])


async def _reaches_answer(prefill: str, rollout: Completion, answer: str, answers: AnswerChecker) -> bool:
    """Whether a rollout ends in the answer. A truncated one does not, whatever it says on the way."""
    if rollout.finish_reason == "length":
        return False
    return await answers.equivalent_async(answer, final_answer(prefill + rollout.text))


async def score_steps(
    solution: Solution, engine: Engine, settings: MonteCarloSettings, answers: AnswerChecker
) -> StepScores:
    """MC(s_t, a_t) of every step of one solution.

    Steps go one after another, because the first with MC = 0 ends the work: all later scores are 0 without
    rollouts. The last step needs none: it is 1.0 or 0.0 by the solution's answer.
    """
    messages = prompt_messages(settings.system, settings.prompt, solution.problem)
    planned = rollouts_for(solution.pass_at_1, settings)
    mc: list[float] = []
    rollouts: list[int] = []
    tokens = 0
    for done in range(1, len(solution.steps) + 1):
        drawn = 0
        if mc and mc[-1] == 0.0:
            score = 0.0
        elif done == len(solution.steps):
            score = float(solution.correct)
        else:
            prefill = rollout_prefill(solution.steps, done)
            sampling = sampling_of(settings.sampling, derived_seed(settings.seed, solution.id, done))
            completions = await engine.complete(engine.render(messages, prefill=prefill), sampling, planned)
            right = [await _reaches_answer(prefill, rollout, solution.answer, answers) for rollout in completions]
            score, drawn = sum(right) / len(right), len(right)
            tokens += sum(rollout.tokens for rollout in completions)
        mc.append(score)
        rollouts.append(drawn)
    return StepScores(
        solution_id=solution.id,
        problem_id=solution.problem_id,
        pass_at_1=solution.pass_at_1,
        mc=mc,
        rollouts=rollouts,
        tokens=tokens,
    )
