"""All results in one table."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from assets.checkpoints import read_checkpoint
from assets.evaluation_set import shared_problems
from assets.parameters import CHOICE, INTERVALS, reads_evaluation, reads_scaling
from assets.partitions import Pipeline
from assets.publish import OWNERS, Check, Clock, Events, Table, examples, publish
from assets.resources import Store, Tracking
from genprm.lineup import Model
from genprm.manifest import read_manifest
from genprm.records import BenchmarkCase, Measure, Prediction, Problem, SampledProblem
from genprm.results.best_of_n import best_of_n_differences, best_of_n_measures
from genprm.results.claims import DIFFERENCES, JUDGES, difference_measures, judge_measures, notes
from genprm.results.evidence import evidence_measures
from genprm.results.label_quality import label_differences
from genprm.results.paper_tables import table_measures
from genprm.results.test_time import budget_measures, escalation_measures, refinement_measures

HELD_OUT = Check("held_out", "No evaluation problem is among the problems that training data are made from.")
SAME = Check("same_cases", "All models judged the same cases.")
DATA = "data"
OUTCOMES = ("kept", "easy", "hard")


def define(pipeline: Pipeline) -> dg.AssetsDefinition:
    profile = pipeline.profile
    everything = dg.AllPartitionMapping()
    upstream = ["solutions", "label_quality", "checkpoints", "processbench"]
    if pipeline.otherwise:
        upstream.append("judged_otherwise")
    decided_by = [reads_evaluation(INTERVALS)]
    if profile.scaling.sets:
        upstream += ["candidates", "best_of_n"]
        decided_by.append(reads_scaling(CHOICE))
    if profile.refinement.sets:
        upstream.append("refinement")

    @dg.asset(
        deps=[
            "problems",
            "evaluation_set",
            *(dg.AssetDep(name, partition_mapping=everything) for name in upstream),
            *decided_by,
        ],
        group_name="evaluation",
        kinds={"parquet"},
        owners=OWNERS,
        code_version="3",
        check_specs=[check.spec("leaderboard") for check in (HELD_OUT, SAME)],
    )
    def leaderboard(
        context: dg.AssetExecutionContext,
        store: dg.ResourceParam[Store],
        tracking: dg.ResourceParam[Tracking],
    ) -> Events:
        """Every headline number with its 95 % interval: the data (policy accuracy, labels against truth, what the
        filter kept), the models (F1, Pass@1 and Maj@N), and the differences that the paper reports, with paired
        intervals.
        """
        clock = Clock()
        predictions = {model.key: _predictions(pipeline, store, model) for model in pipeline.judges}
        shared = shared_problems(store.read(Problem, "problems"), store.read(BenchmarkCase, "evaluation_set"))
        cases = {tuple((row.subset, row.id) for row in rows) for rows in predictions.values()}
        variants = profile.labels.variant_names()
        qualities = [row for variant in variants for row in store.read(Measure, "label_quality", variant)]
        judged = judge_measures(pipeline, predictions)
        rows = [
            *_data_measures(pipeline, store),
            *qualities,
            *judged,
            *difference_measures(pipeline, predictions),
            *label_differences(pipeline, store),
            *table_measures(pipeline, [*qualities, *judged], predictions, _conversations(pipeline, store)),
            *best_of_n_measures(pipeline, store),
            *best_of_n_differences(pipeline, store),
            *escalation_measures(pipeline, predictions),
            *budget_measures(pipeline, store),
            *refinement_measures(pipeline, store),
            *evidence_measures(pipeline, store, predictions),
        ]
        for model in pipeline.models:
            means = {
                row.name.removeprefix("F1 ").replace("Pass@", "pass").replace("Maj@", "maj"): row.value
                for row in rows
                if row.group == JUDGES and row.subject == model.key and row.name.startswith("F1 ")
            }
            metrics = {f"f1_{name}": value for name, value in means.items()}
            tracking.metrics(read_checkpoint(store, model.checkpoint).run_id, metrics)
        missing = "\n".join(f"- {line}" for line in notes(rows))
        yield from publish(
            context,
            store,
            [Table(Measure, "leaderboard", None, rows)],
            [HELD_OUT.result(not shared, shared=len(shared)), SAME.result(len(cases) == 1)],
            {
                "seconds": clock.seconds(),
                "models": _table(rows, JUDGES, "F1 "),
                "differences": _table(rows, DIFFERENCES, ""),
                "not as in the paper": dg.MetadataValue.md(missing or "nothing"),
            },
        )

    return leaderboard


def _predictions(pipeline: Pipeline, store: Store, model: Model) -> list[Prediction]:
    if model in pipeline.otherwise:
        return store.read(Prediction, "judged_otherwise", model.key)
    subsets = pipeline.profile.evaluation.subsets
    keys = [str(dg.MultiPartitionKey({"model": model.key, "subset": subset})) for subset in subsets]
    return [row for key in keys for row in store.read(Prediction, "processbench", key)]


def _conversations(pipeline: Pipeline, store: Store) -> dict[str, int]:
    """How many conversations each trained model saw."""
    manifests = {
        m.key: read_manifest(Path(read_checkpoint(store, m.key).weights)) for m in pipeline.models if m.trained
    }
    return {key: manifest.examples or 0 for key, manifest in manifests.items() if manifest is not None}


def _data_measures(pipeline: Pipeline, store: Store) -> list[Measure]:
    shards = pipeline.shards.get_partition_keys()
    counts = [row for shard in shards for row in store.read(SampledProblem, "sampled_problems", shard)]
    samples = sum(row.samples for row in counts)

    def percent(name: str, part: int, whole: int) -> Measure:
        return Measure(DATA, "policy", name, 100 * part / whole if whole else 0.0, None, None, "%", whole)

    return [
        percent("accuracy", sum(row.correct for row in counts), samples),
        percent("invalid", sum(row.invalid for row in counts), samples),
        *(percent(f"problems {o}", sum(r.outcome == o for r in counts), len(counts)) for o in OUTCOMES),
    ]


def _table(rows: Sequence[Measure], group: str, prefix: str) -> dg.MarkdownMetadataValue:
    chosen = [row for row in rows if row.group == group and row.name.startswith(prefix)]
    return examples(
        [
            {
                "": row.subject,
                "measure": row.name,
                row.unit: f"{row.value:.1f}",
                "95 %": "" if row.low is None or row.high is None else f"{row.low:.1f} to {row.high:.1f}",
                "cases": row.count,
            }
            for row in chosen
        ],
        99,
    )
