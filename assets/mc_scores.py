"""Monte-Carlo scores of the steps (paper 4.2, eq. 9)."""

from collections import Counter
from typing import Any

from assets.artifact import ArtifactContext, Check, Input, Made, Spent, Stage, Table, artifact
from assets.metadata import examples, plot, share
from assets.parameters import reads
from genprm.engines.versions import weights_version
from genprm.journal import finish, row_key
from genprm.monte_carlo import rollouts_for, score_steps
from genprm.records import Solution, StepScores
from genprm.registry import domain_of
from genprm.settings import MonteCarloSettings
from genprm.tables import record_codec, to_dict

CODE_VERSION = "3"
SCORED = Check("all_steps_scored", "Every step of every solution has a score, in the order of the solutions.")
DOMAIN = Check("shares", "Scores are shares in [0, 1]; the last is 1 for a right answer and 0 for a wrong one.")


@artifact(
    stage=Stage.LABELS,
    code_version=CODE_VERSION,
    partitions=lambda pipeline: pipeline.shards,
    inputs=lambda pipeline: (Input("solutions"),),
    parameters=lambda pipeline: (reads("monte_carlo"),),
    checks=(SCORED, DOMAIN),
    uses_engine=True,
    spends=Spent(requests="rollouts"),
    wanted=lambda pipeline: pipeline.sampled,
)
def mc_scores(context: ArtifactContext) -> Made:
    """How often the completion model still reaches the right answer after each step: `MC(s_t, a_t)` is the
    share of K rollouts that do. K is larger where Pass@1 is lower, because rare successes need more draws to be
    seen. After the first step that no rollout recovers from, every later score is 0 and costs nothing. With
    `monte_carlo.estimator: sequential` a step stops as soon as its label is decided; `stopped` says why.
    Finished batches of rollouts are kept: a larger K tops them up.
    """
    settings = context.profile.monte_carlo
    solutions = context.store.read(Solution, "solutions", context.key)
    weights = weights_version(settings.model)
    how = (CODE_VERSION, settings.model_dump(mode="json"), weights)
    engine = context.machines.engine(settings.model)

    async def score_all() -> list[StepScores]:
        with domain_of(context.profile.problems.source).grader() as grader:
            return await finish(
                journal,
                [row_key(to_dict(solution), *how) for solution in solutions],
                lambda index: score_steps(solutions[index], engine, settings, grader, journal, weights),
                record_codec(StepScores),
                context.advance(len(solutions)),
                context.machines.settings.max_in_flight,
            )

    with context.journal() as journal:
        rows = context.machines.run(score_all())
    pairs = list(zip(solutions, rows, strict=True))
    return Made(
        [Table(StepScores, rows)],
        [
            SCORED.result(all(s.id == r.solution_id and len(s.steps) == len(r.mc) for s, r in pairs)),
            DOMAIN.result(
                all(0 <= mc <= 1 for row in rows for mc in row.mc)
                and all(r.mc[-1] == 0 or r.mc[-1] == float(s.correct) for s, r in pairs)
            ),
        ],
        {
            "tokens": sum(row.tokens for row in rows),
            "prompt tokens": sum(row.prompt_tokens for row in rows),
            "rollouts": sum(sum(row.rollouts) for row in rows),
            "of K for every step (%)": share(sum(sum(row.rollouts) for row in rows), _at_k(rows, settings)),
            "steps": sum(len(row.mc) for row in rows),
            "stopped": dict(Counter(reason for row in rows for reason in row.stopped)),
            "scores": plot(lambda axes: _draw(axes, pairs)),
            "examples": examples(
                [{"steps": s.steps, "mc": r.mc, "rollouts": r.rollouts, "correct": s.correct} for s, r in pairs]
            ),
        },
    )


def _at_k(rows: list[StepScores], settings: MonteCarloSettings) -> int:
    """Rollouts that the same steps would have had with K each."""
    return sum(rollouts_for(row.pass_at_1, settings) * sum(n > 0 for n in row.rollouts) for row in rows)


def _draw(axes: Any, pairs: list[tuple[Solution, StepScores]]) -> None:
    for correct, colour in ((True, "#3b6ea5"), (False, "#c0504d")):
        rows = [scores.mc for solution, scores in pairs if solution.correct == correct]
        longest = max((len(row) for row in rows), default=0)
        columns = [[row[step] for row in rows if len(row) > step] for step in range(longest)]
        means = [sum(column) / len(column) for column in columns]
        label = "right answer" if correct else "wrong answer"
        axes.plot(range(1, longest + 1), means, marker="o", color=colour, label=label)
    axes.set(xlabel="step", ylabel="mean MC", ylim=(-0.03, 1.03))
    axes.legend()
