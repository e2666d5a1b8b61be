"""The policy's solutions, right and wrong ones (paper 4.2)."""

from typing import Any

from assets.artifact import ArtifactContext, Check, Input, Made, Spent, Stage, Table, artifact
from assets.metadata import examples, plot, share
from assets.parameters import reads
from genprm.data_sets.problems import shard_of
from genprm.engines.versions import weights_version
from genprm.journal import Codec, finish, row_key
from genprm.records import Problem, SampledProblem, Solution
from genprm.registry import domain_of
from genprm.solutions import sample_solutions
from genprm.steps import StepFormat
from genprm.tables import from_dict, to_dict

CODE_VERSION = "3"
SHARD = Check("right_shard", "Every sampled problem belongs to this shard, and none is missing.")
BOTH = Check("both_kinds", "Every kept problem has right and wrong solutions; no other problem has any.")
STEPS = Check("two_steps", "Every kept solution has at least two steps, numbered from 1.")


@artifact(
    stage=Stage.SOLUTIONS,
    code_version=CODE_VERSION,
    partitions=lambda pipeline: pipeline.shards,
    inputs=lambda pipeline: (Input("problems"),),
    parameters=lambda pipeline: (reads("solutions"),),
    checks=(SHARD, BOTH, STEPS),
    tables=("solutions", "sampled_problems"),
    uses_engine=True,
    measured=True,
    spends=Spent(requests="samples"),
    wanted=lambda pipeline: pipeline.sampled,
)
def solutions(context: ArtifactContext) -> Made:
    """The policy answers each problem again and again, with the turn opened by `Step 1:` so that it writes
    numbered steps (*step forcing*), until enough right **and** enough wrong solutions are there. A problem that
    gives only one kind teaches nothing about steps and is dropped; its Pass@1 is recorded in `sampled_problems`
    all the same.
    """
    settings = context.profile.solutions
    shards = context.profile.problems.shards
    shard = context.pipeline.shard_index(context.key)
    problems = [p for p in context.store.read(Problem, "problems") if shard_of(p.id, shards) == shard]
    weights = weights_version(settings.model)
    how = (CODE_VERSION, settings.model_dump(mode="json"), weights)
    engine = context.machines.engine(settings.model)
    domain = domain_of(context.profile.problems.source)

    async def sample_all() -> list[Sampled]:
        with domain.grader() as grader:
            return await finish(
                journal,
                [row_key(to_dict(problem), *how) for problem in problems],
                lambda index: sample_solutions(problems[index], engine, settings, grader, journal, weights),
                SAMPLED,
                context.advance(len(problems)),
                context.machines.settings.max_in_flight,
            )

    with context.journal() as journal:
        results = context.machines.run(sample_all())
    counts = [count for count, _ in results]
    rows = [solution for _, kept in results for solution in kept]
    samples = sum(count.samples for count in counts)
    return Made(
        [Table(Solution, rows), Table(SampledProblem, counts, "sampled_problems")],
        [
            SHARD.result({c.problem_id for c in counts} == {p.id for p in problems}, problems=len(problems)),
            BOTH.result(_both_kinds(counts, rows)),
            STEPS.result(all(_numbered(row.steps, domain.steps) for row in rows)),
        ],
        {
            "tokens": sum(count.tokens for count in counts),
            "prompt tokens": sum(count.prompt_tokens for count in counts),
            "problems": len(problems),
            "samples": samples,
            "policy accuracy (%)": share(sum(count.correct for count in counts), samples),
            "invalid (%)": share(sum(count.invalid for count in counts), samples),
            "outcomes": {o: sum(c.outcome == o for c in counts) for o in ("kept", "easy", "hard")},
            "Pass@1 of problems": plot(lambda axes: _draw(axes, [count.pass_at_1 for count in counts])),
            "examples": examples([{"steps": r.steps, "answer": r.answer, "correct": r.correct} for r in rows]),
        },
    )


Sampled = tuple[SampledProblem, list[Solution]]


def _encode(sampled: Sampled) -> dict[str, Any]:
    """Both parts of a sampled problem as JSON."""
    return {"problem": to_dict(sampled[0]), "solutions": [to_dict(solution) for solution in sampled[1]]}


def _decode(value: dict[str, Any]) -> Sampled:
    """The inverse of `_encode`."""
    return from_dict(SampledProblem, value["problem"]), [from_dict(Solution, row) for row in value["solutions"]]


SAMPLED: Codec[Sampled] = Codec(_encode, _decode)


def _both_kinds(counts: list[SampledProblem], rows: list[Solution]) -> bool:
    kinds: dict[str, set[bool]] = {}
    for row in rows:
        kinds.setdefault(row.problem_id, set()).add(row.correct)
    kept = {count.problem_id for count in counts if count.outcome == "kept"}
    return set(kinds) == kept and all(both == {True, False} for both in kinds.values())


def _numbered(steps: list[str], form: StepFormat) -> bool:
    return len(steps) >= 2 and all(step.startswith(form.header(n)) for n, step in enumerate(steps, 1))


def _draw(axes: Any, pass_at_1: list[float]) -> None:
    axes.hist(pass_at_1, bins=[n / 10 for n in range(11)], color="#3b6ea5")
    axes.set(xlabel="Pass@1", ylabel="problems", xlim=(0, 1))
