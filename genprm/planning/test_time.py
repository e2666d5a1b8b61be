"""What models cost once they are trained: judging the benchmark, choosing among candidates, criticising."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from genprm.lineup import Lineup, Model
from genprm.modes import Mode
from genprm.planning.assumptions import Assumptions
from genprm.planning.costs import Spent, executions_of, judged_steps, judged_tokens
from genprm.planning.planned import Planned, added, priced
from genprm.registry import SEARCHES
from genprm.settings import Profile, RefinementSettings


class Judge(NamedTuple):
    """Weights, the mode in which they judge, and the number of paths over each solution."""

    weights: str
    mode: Mode
    votes: int


def evaluation(profile: Profile, assumed: Assumptions) -> list[Planned]:
    """Every judging model on every subset, with its number of verification paths; and the full models in other
    modes, where the profile wants them."""
    cases = len(profile.evaluation.subsets) * (profile.evaluation.limit or assumed.cases)
    steps = cases * assumed.case_steps * assumed.case_judged
    lineup = Lineup(profile)
    judged = [_plan_judging("processbench", _on_the_benchmark(lineup, lineup.models), cases, steps, assumed)]
    otherwise = _on_the_benchmark(lineup, lineup.otherwise)
    return [*judged, _plan_judging("judged_otherwise", otherwise, cases, steps, assumed)] if otherwise else judged


def _on_the_benchmark(lineup: Lineup, models: Sequence[Model]) -> list[Judge]:
    return [Judge(model.weights, model.mode, lineup.votes_of(model)) for model in models]


def best_of_n(profile: Profile, assumed: Assumptions) -> list[Planned]:
    """Candidates on every set of answers, each of their steps judged by every ranker; nothing without sets."""
    scaling = profile.scaling
    if not scaling.sets:
        return []
    problems = len(scaling.sets) * (scaling.limit or assumed.answer_problems)
    count = problems * scaling.candidates
    steps = count * _steps(assumed)
    choosing = [Judge(model.weights, model.mode, scaling.votes_in(model.mode)) for model in Lineup(profile).rankers]
    prompts = (count * assumed.problem_tokens, problems * assumed.problem_tokens)
    drawn = _spent(count, steps * assumed.step_tokens, *prompts)
    return [
        priced("candidates", scaling.model, drawn, 0, assumed),
        _plan_judging("best_of_n", choosing, count, steps, assumed),
    ]


def refinement(profile: Profile, assumed: Assumptions) -> list[Planned]:
    """The policy and the reward models as critics of the same solutions, and the policy's rewrites after each one's
    critiques; requests are critiques and rewrites. Nothing without sets."""
    settings, policy = profile.refinement, profile.scaling.model
    if not settings.sets:
        return []
    problems = len(settings.sets) * (profile.scaling.limit or assumed.answer_problems)
    turns = turns_of(problems * settings.solutions, settings.turns, assumed)
    analysis = assumed.analysis * assumed.judged_step_tokens
    parts = [
        priced("", policy, _own_critiques(turns, assumed), 0, assumed),
        priced("", policy, _rewrites(turns, assumed.critique_tokens, settings, assumed), 0, assumed),
    ]
    for model in Lineup(profile).critics:
        judge = Judge(model.weights, model.mode, settings.votes)
        judged = _plan_judging("", [judge], turns.critiques, turns.judged, assumed)
        parts.append(replace(judged, requests=turns.critiques))
        parts.append(priced("", policy, _rewrites(turns, analysis, settings, assumed), 0, assumed))
    return [added("refinement", parts)]


def search(profile: Profile, assumed: Assumptions) -> list[Planned]:
    """Every method on its largest budget, whose steps the smaller ones share; requests are the policy's steps.
    Nothing without sets."""
    settings, policy, guide = profile.search, profile.scaling.model, Lineup(profile).guide
    if not settings.sets or guide is None:
        return []
    problems = len(settings.sets) * (profile.scaling.limit or assumed.answer_problems)
    budget = problems * settings.budgets[-1] * _steps(assumed) * assumed.step_tokens
    judged = sum(SEARCHES.get(method).judged for method in settings.chosen_methods)
    of_judge = settings.votes * (
        assumed.step_tokens + assumed.problem_tokens / _steps(assumed) + judged_tokens(guide.mode, assumed)
    )
    guided = judged * budget / (assumed.step_tokens + of_judge)
    steps = guided + (len(settings.chosen_methods) - judged) * budget / assumed.step_tokens
    read = steps * assumed.problem_tokens
    judge = Judge(guide.weights, guide.mode, settings.votes)
    judging = _plan_judging("", [judge], guided / _steps(assumed), guided, assumed)
    prefixes = len(settings.chosen_methods) * problems * assumed.problem_tokens
    sampled = _spent(steps, steps * assumed.step_tokens, read + steps * assumed.step_tokens / 2, prefixes)
    return [added("search", [priced("", policy, sampled, 0, assumed), replace(judging, requests=0)])]


class Turns(NamedTuple):
    """What one critic is asked over all turns: solutions, their steps up to the first one it finds wrong, and how
    many of them are written again."""

    critiques: float
    judged: float
    rewrites: float


def turns_of(solutions: float, turns: int, assumed: Assumptions) -> Turns:
    """The turns of a critic, which finds the first solutions wrong at one rate and their rewrites at another. A
    rewrite without numbered steps ends a refinement; a wrong step is in the middle on average."""
    critiques = judged = rewrites = 0.0
    due, wrong = solutions, assumed.found_wrong
    for _ in range(turns):
        critiques += due
        judged += due * (1 - wrong / 2) * _steps(assumed)
        rewrites += due * wrong
        due, wrong = due * wrong * (1 - assumed.invalid), assumed.found_again
    return Turns(critiques, judged, rewrites)


def _own_critiques(turns: Turns, assumed: Assumptions) -> Spent:
    read = turns.critiques * (assumed.problem_tokens + _steps(assumed) * assumed.step_tokens)
    return _spent(turns.critiques, turns.critiques * assumed.critique_tokens, read, read)


def _rewrites(turns: Turns, critique: float, settings: RefinementSettings, assumed: Assumptions) -> Spent:
    """The cost of the rewrites: each reads the problem, the solution, its wrong step once more, and `critique`
    tokens about that step."""
    solution = _steps(assumed) * assumed.step_tokens
    written = solution / 2 if settings.keep_steps else solution
    read = turns.rewrites * (assumed.problem_tokens + solution + assumed.step_tokens + critique)
    return _spent(turns.rewrites, turns.rewrites * written, read, read)


def _plan_judging(
    artifact: str, judges: Sequence[Judge], solutions: float, steps: float, assumed: Assumptions
) -> Planned:
    """`steps` of `solutions`, judged by all of the judges on each of their paths."""
    parts = [
        priced(
            "",
            judge.weights,
            judged_steps(solutions * judge.votes, steps * judge.votes, judge.mode, assumed),
            steps * judge.votes * executions_of(judge.mode, assumed),
            assumed,
        )
        for judge in judges
    ]
    return added(artifact, parts)


def _steps(assumed: Assumptions) -> float:
    """Steps of a solution."""
    return 2 + assumed.further_steps


def _spent(completions: float, tokens: float, prompt_tokens: float, prefix_tokens: float) -> Spent:
    return Spent(round(completions), round(tokens), round(prompt_tokens), round(prefix_tokens))
