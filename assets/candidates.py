"""The policy's candidates on sets of problems with answers (paper 5.3)."""

from collections.abc import Sequence

from assets.artifact import ArtifactContext, Check, Made, Spent, Stage, Table, artifact
from assets.metadata import examples, share
from assets.parameters import CANDIDATES, reads
from assets.partitions import Pipeline
from genprm.data_sets.sources import data_directory
from genprm.engines.versions import weights_version
from genprm.journal import finish, row_key
from genprm.records import Problem, SampledSolution
from genprm.registry import domain_of
from genprm.scaling.candidates import answer_problems, sample_candidate, with_groups
from genprm.tables import record_codec, to_dict

CODE_VERSION = "2"
ALL = Check("all_candidates", "Every problem of the set has as many candidates as asked for.")
GROUPED = Check("grouped", "Candidates with the same answer are right or wrong together.")


@artifact(
    stage=Stage.SCALING,
    code_version=CODE_VERSION,
    partitions=lambda pipeline: pipeline.answer_sets,
    parameters=lambda pipeline: (reads("scaling", CANDIDATES),),
    checks=(ALL, GROUPED),
    uses_engine=True,
    measured=True,
    spends=Spent(requests="dagster/row_count"),
    wanted=lambda pipeline: bool(pipeline.profile.scaling.sets),
)
def candidates(context: ArtifactContext) -> Made:
    """N solutions of each problem, sampled from the policy, among whose answers one is to be chosen. They are
    sampled once, at the largest N; smaller N use disjoint parts of them. Raising N adds to the existing ones.
    """
    settings = context.profile.scaling
    key = context.key
    problems = answer_problems(key, settings, data_directory())
    items = [(problem, index) for problem in problems for index in range(settings.candidates)]
    # A candidate does not depend on how many there are.
    how = (CODE_VERSION, _without_count(context.pipeline), weights_version(settings.model))
    engine = context.machines.engine(settings.model)

    async def sample_all() -> list[SampledSolution]:
        with domain_of(context.profile.problems.source).grader() as grader:
            drawn = await finish(
                journal,
                [row_key(to_dict(problem), index, *how) for problem, index in items],
                lambda n: sample_candidate(*items[n], engine, settings, grader),
                record_codec(SampledSolution),
                context.advance(len(items)),
            )
            return [
                row
                for start in range(0, len(drawn), settings.candidates)
                for row in await with_groups(drawn[start : start + settings.candidates], grader.answers)
            ]

    with context.journal() as journal:
        rows = context.machines.run(sample_all())
    return Made(
        [Table(SampledSolution, rows)],
        [ALL.result(_complete(problems, rows, settings.candidates)), GROUPED.result(_consistent(rows))],
        {
            "tokens": sum(row.tokens for row in rows),
            "prompt tokens": sum(row.prompt_tokens for row in rows[:: settings.candidates]),
            "problems": len(problems),
            "right (%)": share(sum(row.correct for row in rows), len(rows)),
            "without an answer (%)": share(sum(row.final_answer is None for row in rows), len(rows)),
            "examples": examples(
                [{"steps": r.steps, "answer": r.final_answer or "", "correct": r.correct} for r in rows]
            ),
        },
    )


def _without_count(pipeline: Pipeline) -> dict[str, object]:
    sampling = {"model", "system", "prompt", "prefill", "sampling", "seed"}
    return pipeline.profile.scaling.model_dump(mode="json", include=sampling)


def _complete(problems: Sequence[Problem], rows: Sequence[SampledSolution], count: int) -> bool:
    wanted = [problem.id for problem in problems for _ in range(count)]
    return [row.problem_id for row in rows] == wanted


def _consistent(rows: Sequence[SampledSolution]) -> bool:
    right: dict[tuple[str, int], bool] = {}
    return all(
        row.group is None or right.setdefault((row.problem_id, row.group), row.correct) == row.correct
        for row in rows
    )
