"""Code-verified rationales: a strong model judges the policy's solutions step by step (paper 4.2)."""

from dataclasses import replace

from assets.artifact import ArtifactContext, Check, Input, Made, Spent, Stage, Table, artifact
from assets.judging import read_from
from assets.metadata import examples, share
from assets.parameters import reads
from genprm.engines.versions import weights_version
from genprm.journal import finish, row_key
from genprm.rationales import ONE_PATH, FormatTrial, judge_solution
from genprm.records import NO_ERROR, Rationale, Solution
from genprm.reward_models.base import VerdictCounts
from genprm.reward_models.genprm import open_genprm
from genprm.tables import record_codec, to_dict
from genprm.verification.voting import vote_reading

CODE_VERSION = "2"
JUDGED = Check("judged_to_first_error", "Every solution is judged up to its end or its first wrong step.")
REWARDS = Check("rewards", "Every reward lies in [0, 1].")
VERDICTS = Check("verdicts", "At most 5 % of the judged steps had no verdict of their own.", integrity=False)


@artifact(
    stage=Stage.RATIONALES,
    code_version=CODE_VERSION,
    partitions=lambda pipeline: pipeline.shards,
    inputs=lambda pipeline: (Input(pipeline.solutions_from),),
    parameters=lambda pipeline: (reads("rationales"),),
    checks=(JUDGED, REWARDS, VERDICTS),
    uses_engine=True,
    spends=Spent(requests="steps"),
    wanted=lambda pipeline: not pipeline.imported,
)
def rationales(context: ArtifactContext) -> Made:
    """The rationale model analyses each step, writes Python that checks it, reads what running that Python
    printed, and only then answers Yes or No. It sees neither the reference answer nor the labels; where both
    agree (`filtered_set`) its text becomes training data.
    """
    settings = context.profile.rationales
    solutions = context.store.read(Solution, context.pipeline.solutions_from, context.key)
    how = (CODE_VERSION, settings.deciding(), weights_version(settings.model))
    asking = replace(ONE_PATH, mode=settings.mode, verifier=settings.verifier)
    verifier = open_genprm(settings.model, context.machines, asking)
    trial = FormatTrial(settings)

    async def judged_one(index: int) -> Rationale:
        rationale = await judge_solution(solutions[index], verifier)
        trial.look(rationale)
        return rationale

    async def judge_all() -> list[Rationale]:
        return await finish(
            journal,
            [row_key(to_dict(solution), *how) for solution in solutions],
            judged_one,
            record_codec(Rationale),
            context.advance(len(solutions)),
        )

    with context.journal() as journal:
        rows = context.machines.run(judge_all())
    steps = [step for row in rows for step in row.verification.steps]
    runs = [status for step in steps for status in step.executions]
    counts = VerdictCounts.of_steps(steps)
    unsure = counts.forced + counts.missing
    return Made(
        [Table(Rationale, rows)],
        [
            JUDGED.result([r.solution_id for r in rows] == [s.id for s in solutions] and all(map(_whole, rows))),
            REWARDS.result(all(0 <= step.reward <= 1 for step in steps)),
            VERDICTS.result(unsure <= 0.05 * len(steps), forced_or_none=unsure, steps=len(steps)),
        ],
        {
            "rewards read from": read_from(vote_reading([row.verification]) for row in rows),
            "sandbox": context.machines.sandbox().description() if settings.mode.runs else "none",
            "tokens": sum(row.verification.tokens for row in rows),
            "prompt tokens": sum(row.verification.prompt_tokens for row in rows),
            "steps": len(steps),
            "verdicts forced": counts.forced,
            "verdicts missing": counts.missing,
            "executions": len(runs),
            "blocks that ran well (%)": share(runs.count("ok"), len(runs)),
            "judged without error (%)": share(sum(r.judged_first_error == NO_ERROR for r in rows), len(rows)),
            "examples": examples(
                [
                    {
                        "step": row.steps[-1 + len(row.verification.steps)],
                        "judgement": s.text,
                        "reward": s.reward,
                    }
                    for row in rows
                    for s in row.verification.steps[-1:]
                ]
            ),
        },
    )


def _whole(row: Rationale) -> bool:
    last = len(row.steps) if row.judged_first_error == NO_ERROR else row.judged_first_error + 1
    return len(row.verification.steps) >= last
