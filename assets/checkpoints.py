"""Fine-tuned reward models, and the references they are compared with (paper 5.1)."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import dagster as dg

from assets.parameters import directory_version, reads, recipe, weights_version
from assets.partitions import Pipeline
from assets.publish import OWNERS, Check, Clock, Events, announce, plot, stop_if_broken
from assets.resources import Machines, Progress, TrackedRun, Tracking
from assets.training_set import CHAINS, JUDGED_FROM, LABELLED, part
from genprm.checkpoints import Checkpoint, write_checkpoint
from genprm.consensus import share_of
from genprm.engines import resolve_model
from genprm.lineup import Model
from genprm.manifest import MANIFEST_FILE, read_manifest
from genprm.records import Provenance, TrainingExample
from genprm.store import TableStore
from genprm.tables import content_hash
from genprm.training import progress_of, run_training
from genprm.training.discriminative import train_discriminative
from genprm.training.discriminative_data import LabelledSolution

LEARNED = Check("loss_falls", "The training loss ends below where it began.", integrity=False)
WHOLE = Check("whole", "The checkpoint has weights, tokenizer and manifest; a reference needs none.")
LOSSES_FILE = "losses.json"


def define(pipeline: Pipeline) -> dg.AssetsDefinition:
    profile = pipeline.profile

    @dg.asset(
        partitions_def=pipeline.checkpoints,
        deps=[
            dg.AssetDep("training_set", partition_mapping=dg.StaticPartitionMapping(pipeline.trained_on())),
            reads("training", dg.IdentityPartitionMapping()),
        ],
        group_name="training",
        kinds={"huggingface", "mlflow"},
        owners=OWNERS,
        code_version="1",
        pool="engine",
        check_specs=[check.spec("checkpoints", pipeline.checkpoints) for check in (WHOLE, LEARNED)],
    )
    def checkpoints(
        context: dg.AssetExecutionContext,
        store: dg.ResourceParam[TableStore],
        machines: dg.ResourceParam[Machines],
        tracking: dg.ResourceParam[Tracking],
        progress: dg.ResourceParam[Progress],
    ) -> Events:
        """One model per base, label variant and mode of judging, fine-tuned with TRL in a process of its own; where
        the profile asks for them, models on a share of the training set, one with a classification head, and a
        ThinkPRM.
        `<base>.untrained` and `rationale` are references: no training, only the weights that are compared. A
        checkpoint whose recipe (training set, settings, base weights) was trained before is taken from disk.
        """
        clock = Clock()
        model = pipeline.lineup.model(context.partition_key)
        settings = recipe(profile, model).values
        with tracking.run(context, model.key, {"model": model.key, **settings}) as run:
            if not model.trained:
                made = Checkpoint(model.key, model.mode, model.weights, weights_version(model.weights), run.id)
                write_checkpoint(store, made)
                facts: dict[str, Any] = {"weights": model.weights}
                checks = [WHOLE.result(True), LEARNED.result(True)]
            else:
                directory, facts = _trained(context, pipeline, model, store, machines, run, progress)
                made = Checkpoint(model.key, model.mode, str(directory), directory_version(directory), run.id)
                checks = [
                    WHOLE.result(_complete(directory)),
                    LEARNED.result(facts["last loss"] < facts["first loss"]),
                ]
                yield from stop_if_broken(context, checks)
                run.model(model.key, directory, directory.name)
                write_checkpoint(store, made)
        metadata = {
            "seconds": clock.seconds(),
            "mode": model.judging,
            "weights": made.weights,
            "dagster/uri": made.weights,
            "MLflow run": dg.MetadataValue.url(run.url),
            **facts,
        }
        yield announce(context, store, made.version, checks, metadata)

    return checkpoints


def _trained(
    context: dg.AssetExecutionContext,
    pipeline: Pipeline,
    model: Model,
    store: TableStore,
    machines: Machines,
    run: TrackedRun,
    progress: Progress,
) -> tuple[Path, dict[str, Any]]:
    """The directory of the trained weights and what to tell about them."""
    profile = pipeline.profile
    record, name = _data(model)
    table = part(str(model.variant), name)
    examples = _share(store.read(record, "training_set", table), model.share)
    data = content_hash(examples)
    made = hashlib.sha256(f"{data} {recipe(profile, model).fingerprint}".encode()).hexdigest()[:16]
    directory = store.folder("checkpoints", model.key) / made
    run.dataset("training_set", data, store.path("training_set", table), "training")
    reused = (directory / MANIFEST_FILE).is_file()
    if not reused:
        machines.release()
        log = _log(context, progress.of(context))
        _train(pipeline, model, examples, directory, run, log, _manifest(pipeline, model, store, made))
    manifest = read_manifest(directory)
    assert manifest is not None
    losses = [point["loss"] for point in json.loads((directory / LOSSES_FILE).read_text())]
    facts = {
        "recipe": made,
        "taken from disk": reused,
        "conversations": len(examples),
        "tokens": manifest.tokens or 0,
        "tokens in all epochs": (manifest.tokens or 0) * profile.training.epochs,
        "tokens with loss": manifest.loss_tokens or 0,
        "too long": manifest.dropped or 0,
        "updates": len(losses),
        "first loss": losses[0],
        "last loss": losses[-1],
        "loss": plot(lambda axes: _draw(axes, losses)),
    }
    if reused:
        run.series("loss", losses)
    run.metrics({"train/conversations": len(examples), "train/tokens": manifest.tokens or 0})
    return directory, facts


def _data(model: Model) -> tuple[type[Any], str]:
    """What a model learns from: the record, and the store's name for it in the place of a mode."""
    if model.kind == "discriminative":
        return LabelledSolution, LABELLED
    return TrainingExample, CHAINS if model.kind == "think" else model.mode


class _Example(Protocol):
    @property
    def id(self) -> str: ...


E = TypeVar("E", bound=_Example)


def _share(examples: Sequence[E], share: float) -> list[E]:
    chosen = share_of([example.id for example in examples], share)
    return [example for example in examples if example.id in chosen]


def _manifest(pipeline: Pipeline, model: Model, store: TableStore, recipe_name: str) -> dict[str, Any]:
    """What the checkpoint is to know of itself, which is how it is asked; a head says so in its architecture."""
    judged_from = store.read(Provenance, "training_set", part(str(model.variant), JUDGED_FROM))
    known = {
        "judged_from": [dataclasses.asdict(one) for one in judged_from],
        "model": model.key,
        "recipe": recipe_name,
    }
    if model.kind == "discriminative":
        return known
    if model.kind == "think":
        return {"adapter": "thinkprm", **known}
    verifier = pipeline.profile.rationales.verifier.model_dump(mode="json")
    return {"inference_mode": model.mode, "verifier": verifier, **known}


def _train(
    pipeline: Pipeline,
    model: Model,
    examples: Sequence[Any],
    directory: Path,
    run: TrackedRun,
    log: Callable[[str], None],
    manifest: dict[str, Any],
) -> None:
    profile, base = pipeline.profile, resolve_model(model.weights)
    if model.kind == "discriminative":
        train_discriminative(examples, profile.training, base, directory, run.environment(), log, manifest)
    else:
        mask = profile.consensus.mask_code_output
        run_training(examples, profile.training, base, mask, directory, run.environment(), log, manifest)


def _log(context: dg.AssetExecutionContext, progress: Callable[[int, int], None]) -> Callable[[str], None]:
    def line(text: str) -> None:
        context.log.info(text)
        reached = progress_of(text)
        if reached is not None:
            progress(*reached)

    return line


def _complete(directory: Path) -> bool:
    wanted = ("config.json", "tokenizer.json", MANIFEST_FILE)
    return all((directory / name).is_file() for name in wanted) and any(directory.glob("*.safetensors"))


def _draw(axes: Any, losses: list[float]) -> None:
    axes.plot(range(1, len(losses) + 1), losses, color="#3b6ea5")
    axes.set(xlabel="update", ylabel="loss")
