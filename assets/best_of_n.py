"""The reward model as verifier: which of N solutions is the one to take? (paper 5.3)"""

from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

from assets.judging import open_verifier, read_from, score_solutions, without_text
from assets.parameters import REWARDS, reads_scaling
from assets.partitions import Pipeline
from assets.publish import OWNERS, Check, Clock, Events, Table, as_key, examples, plot, publish
from assets.resources import Machines, Progress, Tracking
from genprm.checkpoints import Checkpoint, read_checkpoint
from genprm.journal import Journal, finish, row_key
from genprm.lineup import Model
from genprm.records import SampledSolution, SolutionRewards, Verification
from genprm.results.best_of_n import aggregate_curves, read_candidates
from genprm.store import TableStore
from genprm.tables import from_dict
from genprm.verification.rewards import rewards
from genprm.verification.voting import executions, majority_rewards, vote_reading

CODE_VERSION = "2"
ALL = Check("all_rewarded", "Every candidate has one reward per step (of a ThinkPRM, one in all), each in [0, 1].")


def define(pipeline: Pipeline) -> dg.AssetsDefinition:
    settings = pipeline.profile.scaling
    evaluation = pipeline.profile.evaluation

    @dg.asset(
        partitions_def=pipeline.ranked,
        deps=[
            dg.AssetDep("candidates", partition_mapping=dg.StaticPartitionMapping(pipeline.ranked_from())),
            dg.AssetDep("checkpoints", partition_mapping=dg.StaticPartitionMapping(pipeline.ranked_with())),
            reads_scaling(REWARDS),
        ],
        group_name="scaling",
        kinds={"parquet", "mlflow"},
        owners=OWNERS,
        code_version=CODE_VERSION,
        pool="engine",
        check_specs=[ALL.spec("best_of_n", pipeline.ranked)],
    )
    def best_of_n(
        context: dg.AssetExecutionContext,
        store: dg.ResourceParam[TableStore],
        machines: dg.ResourceParam[Machines],
        tracking: dg.ResourceParam[Tracking],
        progress: dg.ResourceParam[Progress],
    ) -> Events:
        """The model judges every step of every candidate. The solution with the highest reward is chosen (the last
        step's, the mean, the smallest or the product), or answers are voted on with rewards as weights; beside them
        stand the plain majority, one sample (Pass@1), and what the best possible choice would get (Pass@N).
        """
        clock = Clock()
        key = context.partition_key
        name, _, answer_set = key.partition("|")
        model = pipeline.lineup.model(name)
        checkpoint = read_checkpoint(store, model.checkpoint)
        sampled = store.read(SampledSolution, "candidates", answer_set)
        votes = settings.votes_in(model.mode)
        title = f"{model.key} best of {settings.candidates} on {answer_set}"
        parameters = {
            "model": model.key,
            "set": answer_set,
            "mode": model.judging,
            "votes": votes,
            "sandbox": machines.sandbox().description() if model.mode.runs else None,
        }
        with tracking.run(context, title, parameters, parent=checkpoint.run_id) as run:
            judged = _verified if model.kind == "genprm" else _scored
            with store.journal("best_of_n", key) as journal:
                rows = judged(sampled, votes, checkpoint, model, pipeline, machines, journal, progress.of(context))
            curves = aggregate_curves(read_candidates(sampled, rows), evaluation.bootstrap)
            path = store.path("candidates", answer_set)
            run.dataset("candidates", store.version("candidates", answer_set), path, "evaluation")
            run.metrics(
                {metric_name(name, point.n): point.accuracy for name, points in curves.items() for point in points}
            )
        yield from publish(
            context,
            store,
            [Table(SolutionRewards, "best_of_n", key, rows)],
            [ALL.result(all(_sound(row, one, model) for row, one in zip(rows, sampled, strict=True)))],
            {
                "seconds": clock.seconds(),
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

    return best_of_n


def _verified(
    sampled: Sequence[SampledSolution],
    votes: int,
    checkpoint: Checkpoint,
    model: Model,
    pipeline: Pipeline,
    machines: Machines,
    journal: Journal,
    advance: Callable[[int, int], None],
) -> list[SolutionRewards]:
    """The candidates with the rewards of a generative model: every step, on every path."""
    settings = pipeline.profile.evaluation.verifier
    items = [(row, path) for row in sampled for path in range(votes)]
    how = (CODE_VERSION, checkpoint.version, model.mode, settings.deciding(model.mode))
    verifier = open_verifier(pipeline, machines, checkpoint.weights, settings)

    async def one(index: int) -> Verification:
        row, path = items[index]
        return await verifier.verify(row.id, row.problem, row.steps, model.mode, path)

    paths = machines.run(
        finish(
            journal,
            [row_key(row.id, row.problem, row.steps, path, *how) for row, path in items],
            one,
            lambda verification: as_key(without_text(verification)),
            lambda value: from_dict(Verification, value),
            advance,
        )
    )
    return [_rewarded(row, paths[n * votes : (n + 1) * votes]) for n, row in enumerate(sampled)]


def _scored(
    sampled: Sequence[SampledSolution],
    votes: int,
    checkpoint: Checkpoint,
    model: Model,
    pipeline: Pipeline,
    machines: Machines,
    journal: Journal,
    advance: Callable[[int, int], None],
) -> list[SolutionRewards]:
    """The candidates with the rewards of a model that is no verifier: those of their steps, or of one that answers
    for a whole solution that answer alone."""
    solutions = [(row.problem, row.steps) for row in sampled]
    scores = score_solutions(model, checkpoint, solutions, votes, pipeline, machines, journal, advance)
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
