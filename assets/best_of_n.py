"""The reward model as verifier: which of N solutions is the one to take? (paper 5.3)"""

from typing import Any

import dagster as dg

from assets.artifact import ArtifactContext, Check, Input, Made, Spent, Stage, Table, artifact
from assets.judging import Judge, read_from
from assets.metadata import examples, plot
from assets.parameters import REWARDS, reads
from genprm.checkpoints import read_checkpoint
from genprm.lineup import Model
from genprm.records import SampledSolution, SolutionRewards, StepwiseSolution
from genprm.results.best_of_n import aggregate_curves, read_candidates
from genprm.reward_models.base import SolutionScore

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
    parameters=lambda pipeline: (reads("scaling", REWARDS),),
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
    judge = Judge(context, model, checkpoint, settings.votes_in(model.mode))
    title = f"{model.key} best of {settings.candidates} on {answer_set}"
    parameters = judge.run_parameters(set=answer_set)
    candidates = [StepwiseSolution(row.problem, tuple(row.steps), row.id) for row in sampled]
    with context.tracking.run(context.dagster, title, parameters, parent=checkpoint.run_id) as run:
        scores = judge.score({one: (one.id, one.problem, one.steps) for one in candidates}, CODE_VERSION)
        rows = [ranked_row(row, scores[one]) for row, one in zip(sampled, candidates, strict=True)]
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


def ranked_row(sampled: SampledSolution, score: SolutionScore) -> SolutionRewards:
    """A candidate with the rewards of its steps, or with one reward where the model judges solutions as a whole."""
    return SolutionRewards(
        id=sampled.id,
        problem_id=sampled.problem_id,
        rewards=score.rewards if score.outcome is None else [score.outcome],
        path_rewards=score.path_rewards,
        tokens=score.tokens,
        prompt_tokens=score.prompt_tokens,
        executions=score.executions,
        reading=score.reading,
    )


def metric_name(way: str, n: int) -> str:
    """The metric's name for a way of choosing at N, in characters that the tracking server allows.

    >>> metric_name("best, min", 8), metric_name("Pass@N", 8)
    ('best_min_8', 'pass_n_8')
    """
    return f"{way.lower().replace(', ', '_').replace('@', '_').replace(' ', '_')}_{n}"


def _sound(row: SolutionRewards, judged: SampledSolution, model: Model) -> bool:
    wanted = 1 if model.recipe.ranks_by_outcome else len(judged.steps)
    return len(row.rewards) == wanted and all(0.0 <= reward <= 1.0 for reward in row.rewards)


def _draw(axes: Any, curves: Any) -> None:
    for name, points in curves.items():
        axes.plot([point.n for point in points], [point.accuracy for point in points], marker="o", label=name)
    axes.set_xscale("log", base=2)
    axes.set(xlabel="N", ylabel="accuracy (%)")
    axes.legend(fontsize=7)
