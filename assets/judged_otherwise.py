"""Models judging in other modes than they were trained in (paper table 5)."""

import dagster as dg

from assets.judging import judge_cases, run_parameters
from assets.parameters import ESCALATION, VERIFICATION, reads
from assets.partitions import Pipeline
from assets.processbench import judgement, judging_checks, judging_facts, log_scores
from assets.publish import Clock, Events, Table, publish
from assets.resources import Machines, Progress, Tracking
from genprm.checkpoints import read_checkpoint
from genprm.records import BenchmarkCase, Prediction
from genprm.store import TableStore


def define(pipeline: Pipeline) -> dg.AssetsDefinition:
    checkpoints = dg.StaticPartitionMapping(pipeline.judging_with())
    adaptive = [model.key for model in pipeline.lineup.otherwise if model.mode == "adaptive"]
    everyone = pipeline.judged_otherwise.get_partition_keys()
    evaluation = reads("evaluation", dg.StaticPartitionMapping({VERIFICATION: everyone, ESCALATION: adaptive}))

    @judgement("judged_otherwise", pipeline.judged_otherwise, checkpoints, evaluation)
    def judged_otherwise(
        context: dg.AssetExecutionContext,
        store: dg.ResourceParam[TableStore],
        machines: dg.ResourceParam[Machines],
        tracking: dg.ResourceParam[Tracking],
        progress: dg.ResourceParam[Progress],
    ) -> Events:
        """What are analysis, code and running it worth at test time? A model that was trained to do all of it
        judges every case of the benchmark with less: with its analysis alone, with code that is not run, or by the
        verdict alone. One that was trained to write code and nothing else can do without running it.
        """
        clock = Clock()
        key = context.partition_key
        model = pipeline.lineup.model(key)
        cases = store.read(BenchmarkCase, "evaluation_set")
        checkpoint = read_checkpoint(store, model.checkpoint)
        parameters = run_parameters(pipeline, model, machines, "all")
        with tracking.run(context, model.key, parameters, parent=checkpoint.run_id) as run:
            rows = judge_cases(context, pipeline, model, cases, store, machines, progress)
            scores = log_scores(run, pipeline, model, rows, store)
            metrics = {
                f"{subset}/{name}": value for subset, found in scores.items() for name, value in found.items()
            }
            run.metrics(metrics)
        yield from publish(
            context,
            store,
            [Table(Prediction, "judged_otherwise", key, rows)],
            judging_checks(pipeline, model, cases, rows),
            {
                "seconds": clock.seconds(),
                **judging_facts(model, rows, run),
                **{name: round(value, 2) for name, value in metrics.items()},
            },
        )

    return judged_otherwise
