"""The reward model as verifier: which of N solutions is the one to take? (paper 5.3)"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from assets.artifact import ArtifactContext, Check, Input, Made, Spent, Stage, Table, artifact
from assets.judging import open_verifier, read_from, score_solutions, without_text
from assets.metadata import as_key, examples, plot
from assets.parameters import REWARDS, reads_scaling
from genprm.checkpoints import Checkpoint, read_checkpoint
from genprm.journal import Journal, finish, row_key
from genprm.lineup import Model
from genprm.records import SampledSolution, SolutionRewards, Verification
from genprm.results.best_of_n import aggregate_curves, read_candidates
from genprm.tables import from_dict
from genprm.verification.rewards import rewards
from genprm.verification.voting import executions, majority_rewards, vote_reading

CODE_VERSION = "2"
ALL = Check("all_rewarded", "Every candidate has one reward per step (of a ThinkPRM, one in all), each in [0, 1].")


@artifact(
    stage=Stage.SCALING,
    code_version=CODE_VERSION,
    partitions=lambda pipeline: pipeline.ranked,
    inputs=lambda pipeline: (
        Input("candidates", dg.StaticPartitionMapping(pipeline.ranked_from())),
        Input("checkpoints", dg.StaticPartitionMapping(pipeline.ranked_with())),
    ),
    parameters=lambda pipeline: (reads_scaling(REWARDS),),
    checks=(ALL,),
    kinds=("parquet", "mlflow"),
    uses_engine=True,
    measured=True,
    spends=Spent(requests="steps"),
    wanted=lambda pipeline: bool(pipeline.profile.scaling.sets),
)
def best_of_n(context: ArtifactContext) -> Made:
    """The model judges every step of every candidate. The solution with the highest reward is chosen (the last
    step's, the mean, the smallest or the product), or answers are voted on with rewards as weights; beside them
    stand the plain majority, one sample (Pass@1), and what the best possible choice would get (Pass@N).
    """
    settings = context.profile.scaling
    evaluation = context.profile.evaluation
    name, answer_set = context.key.split("|")
    model = context.lineup.model(name)
    checkpoint = read_checkpoint(context.store, model.checkpoint)
    sampled = context.store.read(SampledSolution, "candidates", answer_set)
    votes = settings.votes_in(model.mode)
    title = f"{model.key} best of {settings.candidates} on {answer_set}"
    parameters = {
        "model": model.key,
        "set": answer_set,
        "mode": model.judging,
        "votes": votes,
        "sandbox": context.machines.sandbox().description() if model.mode.runs else None,
    }
    with context.tracking.run(context.dagster, title, parameters, parent=checkpoint.run_id) as run:
        judged = _verified if model.kind == "genprm" else _scored
        with context.journal() as journal:
            rows = judged(context, model, checkpoint, sampled, votes, journal)
        curves = aggregate_curves(read_candidates(sampled, rows), evaluation.bootstrap)
        path = context.store.path("candidates", answer_set)
        run.dataset("candidates", context.store.version("candidates", answer_set), path, "evaluation")
        run.metrics(
            {metric_name(name, point.n): point.accuracy for name, points in curves.items() for point in points}
        )
    return Made(
        [Table(SolutionRewards, rows)],
        [ALL.result(all(_sound(row, one, model) for row, one in zip(rows, sampled, strict=True)))],
        {
            "tokens": sum(row.tokens for row in rows),
            "prompt tokens": sum(row.prompt_tokens for row in rows),
            "steps": sum(len(path) for row in rows for path in row.path_rewards),
            "executions": sum(row.executions for row in rows),
            "rewards read from": read_from(row.reading for row in rows if row.reading),
            "accuracy over N": plot(lambda axes: _draw(axes, curves), 6.0, 4.0),
            "accuracy": examples(
                [
                    {"": name, **{f"N = {p.n}": f"{p.accuracy:.1f}" for p in points}}
                    for name, points in curves.items()
                ],
                99,
            ),
            "MLflow run": dg.MetadataValue.url(run.url),
        },
    )


def _verified(
    context: ArtifactContext,
    model: Model,
    checkpoint: Checkpoint,
    sampled: Sequence[SampledSolution],
    votes: int,
    journal: Journal,
) -> list[SolutionRewards]:
    """The candidates with the rewards of a generative model: every step, on every path."""
    settings = context.profile.evaluation.verifier
    items = [(row, path) for row in sampled for path in range(votes)]
    how = (CODE_VERSION, checkpoint.version, model.mode, settings.deciding(model.mode))
    verifier = open_verifier(context, checkpoint.weights, settings)

    async def one(index: int) -> Verification:
        row, path = items[index]
        return await verifier.verify(row.id, row.problem, row.steps, model.mode, path)

    paths = context.machines.run(
        finish(
            journal,
            [row_key(row.id, row.problem, row.steps, path, *how) for row, path in items],
            one,
            lambda verification: as_key(without_text(verification)),
            lambda value: from_dict(Verification, value),
            context.advance,
        )
    )
    return [_rewarded(row, paths[n * votes : (n + 1) * votes]) for n, row in enumerate(sampled)]


def _scored(
    context: ArtifactContext,
    model: Model,
    checkpoint: Checkpoint,
    sampled: Sequence[SampledSolution],
    votes: int,
    journal: Journal,
) -> list[SolutionRewards]:
    """The candidates with the rewards of a model that is no verifier: those of their steps, or of one that answers
    for a whole solution that answer alone."""
    solutions = [(row.problem, row.steps) for row in sampled]
    scores = score_solutions(context, model, checkpoint, solutions, votes, journal)
    return [
        SolutionRewards(
            id=row.id,
            problem_id=row.problem_id,
            rewards=score.rewards if score.outcome is None else [score.outcome],
            path_rewards=score.path_rewards,
            tokens=score.tokens,
            prompt_tokens=score.prompt_tokens,
            executions=0,
            reading=None,
        )
        for row, score in zip(sampled, scores, strict=True)
    ]


def metric_name(way: str, n: int) -> str:
    """A way of choosing at N as the tracking server allows it.

    >>> metric_name("best, min", 8), metric_name("Pass@N", 8)
    ('best_min_8', 'pass_n_8')
    """
    return f"{way.lower().replace(', ', '_').replace('@', '_').replace(' ', '_')}_{n}"


def _rewarded(row: SampledSolution, paths: list[Verification]) -> SolutionRewards:
    path_rewards = [rewards(path) for path in paths]
    return SolutionRewards(
        id=row.id,
        problem_id=row.problem_id,
        rewards=majority_rewards(path_rewards),
        path_rewards=path_rewards,
        tokens=sum(path.tokens for path in paths),
        prompt_tokens=sum(path.prompt_tokens for path in paths),
        executions=executions(paths),
        reading=vote_reading(paths),
    )


def _sound(row: SolutionRewards, judged: SampledSolution, model: Model) -> bool:
    wanted = 1 if model.kind == "think" else len(judged.steps)
    return len(row.rewards) == wanted and all(0.0 <= reward <= 1.0 for reward in row.rewards)


def _draw(axes: Any, curves: Any) -> None:
    for name, points in curves.items():
        axes.plot([point.n for point in points], [point.accuracy for point in points], marker="o", label=name)
    axes.set_xscale("log", base=2)
    axes.set(xlabel="N", ylabel="accuracy (%)")
    axes.legend(fontsize=7)
