"""The training set: kept rationales as conversations (paper 4.2)."""

import dataclasses
from collections.abc import Sequence

import dagster as dg

from assets.artifact import ArtifactContext, Check, Input, Made, Stage, Table, artifact
from assets.metadata import examples
from assets.parameters import IMPORTED, reads
from assets.partitions import Pipeline, by_dimension
from genprm.consensus import training_examples
from genprm.data_sets.rows import InputError
from genprm.formats.imported import ImportedExamples, imported_examples
from genprm.records import FilterDecision, Provenance, Rationale, TrainingExample
from genprm.store import partition_key
from genprm.tables import schema_of
from genprm.training.discriminative_data import LabelledSolution, labelled_solutions
from genprm.training.recipes.discriminative import LABELLED
from genprm.training.recipes.think import CHAINS
from genprm.training.think_data import verification_chains

TURNS = Check("turns_alternate", "After an optional system message, user and assistant take turns; both speak.")
KEPT = Check("kept_only", "Every conversation comes from a kept solution, and none comes twice.")
SAME = Check("same_in_all_modes", "All modes are made from the same solutions.")

JUDGED_FROM = "judged_from"
"""Stands in place of a mode in the store's name for what the judgements of a training set were read from."""
PROVENANCE = tuple(schema_of(Provenance).names)


def part(variant: str, mode: str) -> str:
    """The store's name for the conversations of one mode."""
    return partition_key(variant, mode)


def _inputs(pipeline: Pipeline) -> list[Input]:
    made = [Input("filtered_set", by_dimension("variant")), Input("rationales", dg.AllPartitionMapping())]
    return [] if pipeline.imported else made


def _parameters(pipeline: Pipeline) -> list[dg.AssetDep]:
    return [reads("consensus"), reads("rationales"), *([reads(IMPORTED)] if pipeline.imported else [])]


@artifact(
    stage=Stage.TRAINING,
    code_version="5",
    partitions=lambda pipeline: pipeline.variants,
    inputs=_inputs,
    parameters=_parameters,
    checks=(TURNS, KEPT, SAME),
)
def training_set(context: ArtifactContext) -> Made:
    """One conversation per kept solution, in TRL's format (`messages`): the user gives a step, the assistant
    analyses, verifies and judges it, up to and including the first wrong step. The conversations of the other
    modes (analysis only, verdict only) are cut out of the same rationales, so that models differ in how they
    judge and not in what they saw. The solutions themselves, with a label per step, are for a classification
    head. For ThinkPRM the analyses and verdicts of a solution are joined into one chain.
    With `training.source` the conversations are those that others made; labels without rationales become verdicts.
    """
    profile, variant = context.profile, context.key
    imported = _imported(context)
    rationales, decisions = _made(context) if imported is None else (imported.rationales, imported.decisions())
    modes = (profile.rationales.mode if imported is None else imported.mode).contained()
    wording = profile.rationales.verifier.format
    by_mode = {mode: training_examples(rationales, decisions, profile.consensus, wording, mode) for mode in modes}
    rows = by_mode[modes[0]]
    labelled = labelled_solutions(rationales, rows)
    chains = (imported.chains if imported else None) or verification_chains(rationales, labelled, wording)
    ids = [row.id for row in rows]
    kept = {row.solution_id for row in decisions if row.kept}
    chosen = set(ids)
    judged_from = list(dict.fromkeys(r.verification.provenance for r in rationales if r.solution_id in chosen))
    return Made(
        [
            *(Table(TrainingExample, by_mode[mode], partition=part(variant, mode)) for mode in modes),
            Table(LabelledSolution, labelled, partition=part(variant, LABELLED)),
            Table(TrainingExample, chains, partition=part(variant, CHAINS)),
            # The same conversations are the same training set, whatever engine they came from.
            Table(Provenance, judged_from, partition=part(variant, JUDGED_FROM), without=PROVENANCE),
        ],
        [
            TURNS.result(all(_alternate(row) for made in [*by_mode.values(), chains] for row in made)),
            KEPT.result(set(ids) <= kept and len(set(ids)) == len(ids), conversations=len(ids), kept=len(kept)),
            SAME.result(all([row.id for row in made] == ids for made in by_mode.values())),
        ],
        {
            "conversations": len(rows),
            "chains": len(chains),
            **({"left out for a missing block": imported.left_out} if imported else {}),
            "judged steps": sum(message.role == "assistant" for row in rows for message in row.messages),
            "characters": sum(len(message.content) for row in rows for message in row.messages),
            "modes": [mode.value for mode in modes],
            "judgements read from": [dataclasses.asdict(one) for one in judged_from],
            "examples": _dialogue(rows),
        },
    )


def _imported(context: ArtifactContext) -> ImportedExamples | None:
    training = context.profile.training
    if training.source is None:
        return None
    examples = imported_examples(training.source, training.modes)
    if training.chained and not examples.chains and not examples.mode.analysis:
        raise InputError(
            f"training.{training.chained[0]} is on, allowed: a training.source with analyses or chains"
        )
    return examples


def _made(context: ArtifactContext) -> tuple[list[Rationale], list[FilterDecision]]:
    """The rationales of this run, and what consensus filtering decided about them."""
    shards = context.pipeline.shards.get_partition_keys()
    keys = [partition_key(shard, context.key) for shard in shards]
    decisions = [row for key in keys for row in context.store.read(FilterDecision, "filtered_set", key)]
    return [row for shard in shards for row in context.store.read(Rationale, "rationales", shard)], decisions


def _alternate(row: TrainingExample) -> bool:
    roles = [message.role for message in row.messages]
    turns = roles[1:] if roles[:1] == ["system"] else roles
    spoken = all(message.content.strip() for message in row.messages if message.role != "system")
    return bool(turns) and turns == ["user", "assistant"] * (len(turns) // 2) and spoken


def _dialogue(rows: Sequence[TrainingExample]) -> dg.MarkdownMetadataValue:
    messages = rows[0].messages if rows else []
    return examples([{"role": message.role, "content": message.content} for message in messages], 8)
