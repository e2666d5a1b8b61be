"""Fine-tuned reward models, and the references they are compared with (paper 5.1)."""

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import dagster as dg

from assets.artifact import ArtifactContext, Check, Input, Made, Spent, Stage, artifact, require
from assets.deciding import decided_by
from assets.metadata import plot
from assets.parameters import reads, recipe
from assets.resources import TrackedRun
from assets.training_set import JUDGED_FROM, part
from genprm.checkpoints import Checkpoint, card_path, read_checkpoint, write_checkpoint
from genprm.consensus import share_of
from genprm.engines import resolve_model
from genprm.engines.versions import directory_version, weights_version
from genprm.fingerprints import fingerprint
from genprm.lineup import Model
from genprm.manifest import MANIFEST_FILE
from genprm.profiles import MachineSettings
from genprm.records import Provenance
from genprm.store import DamagedFile, MissingTable
from genprm.tables import content_hash
from genprm.training import TrainingJob, progress_of, read_report
from genprm.training.rl.job import ReinforcementJob
from genprm.training.rl.points import read_points

LEARNED = Check(
    "loss_falls", "The training loss ends below where it began; or the reward above, for RL.", integrity=False
)
WHOLE = Check("whole", "The checkpoint has weights, tokenizer and manifest; a reference needs none.")


@artifact(
    stage=Stage.TRAINING,
    code_version="1",
    partitions=lambda pipeline: pipeline.checkpoints,
    inputs=lambda pipeline: (Input("training_set", dg.StaticPartitionMapping(pipeline.trained_on())),),
    parameters=lambda pipeline: (reads("training", dg.IdentityPartitionMapping()),),
    checks=(WHOLE, LEARNED),
    kinds=("huggingface", "mlflow"),
    uses_engine=True,
    measured=True,
    # Nothing is generated: training only reads its conversations.
    spends=Spent(requests="conversations", tokens="", prompt_tokens="tokens in all epochs"),
)
def checkpoints(context: ArtifactContext) -> Made:
    """One model per base, label variant and mode of judging, fine-tuned with TRL in a process of its own; where
    the profile asks for them, models on a share of the training set, one with a classification head, and a
    ThinkPRM.
    `<base>.untrained` and `rationale` are references: no training, only the weights that are compared. A
    checkpoint whose recipe (training set, settings, base weights) was trained before is taken from disk.
    """
    model = context.lineup.model(context.key)
    files = [card_path(context.store, model.key)]
    name = model.key if model.trained else f"{model.key} (reference, not trained)"
    parameters = {"model": model.key, "mode": model.judging, **decided_by(context, model)}
    with context.tracking.run(context.dagster, name, parameters) as run:
        if not model.trained:
            made = Checkpoint(model.key, model.mode, model.weights, weights_version(model.weights), run.id)
            write_checkpoint(context.store, made)
            facts: dict[str, Any] = {"weights": model.weights}
            checks = [WHOLE.result(True), LEARNED.result(True)]
        else:
            directory, facts = _train(context, model, run)
            files.append(directory)
            made = Checkpoint(model.key, model.mode, str(directory), directory_version(directory), run.id)
            checks = [
                WHOLE.result(_complete(directory)),
                LEARNED.result(facts.pop("learned")),
            ]
            require(checks)
            run.model(model.key, directory, directory.name)
            write_checkpoint(context.store, made)
    metadata = {
        "mode": model.judging,
        "weights": made.weights,
        "dagster/uri": made.weights,
        "MLflow run": dg.MetadataValue.url(run.url),
        **facts,
    }
    return Made(checks=checks, metadata=metadata, version=made.version, files=files)


def _train(context: ArtifactContext, model: Model, run: TrackedRun) -> tuple[Path, dict[str, Any]]:
    """The directory of the trained weights and what to tell about them."""
    profile, store = context.profile, context.store
    examples = _examples(context, model)
    directory = _directory(context, model, examples)
    table = _table(model)
    run.dataset("training_set", content_hash(examples), store.path("training_set", table), "training")
    reused = _is_whole(context, model, directory)
    if reused:
        report = read_report(directory)
    else:
        with context.machines.devices(profile.training.processes_here):
            job = _job(context, model, directory)
            report = model.recipe.train(examples, job, run.environment(), _log(context))
    store.record(directory)
    losses = [point.loss for point in report.losses]
    rewards = [point.reward for point in read_points(directory)]
    facts = {
        "recipe": directory.name,
        "taken from disk": reused,
        "conversations": len(examples),
        "tokens": report.tokens,
        "tokens in all epochs": report.tokens * (1 if model.recipe.further else profile.training.epochs),
        "tokens with loss": report.loss_tokens,
        "too long": report.dropped,
        "updates": report.steps,
        "first loss": losses[0],
        "last loss": losses[-1],
        "learned": _learned(losses, rewards),
        "loss": plot(lambda axes: _draw(axes, losses, "loss")),
    }
    if rewards:
        facts |= {"reward": plot(lambda axes: _draw(axes, rewards, "reward"))}
    if reused:
        run.series("loss", losses)
        run.series("reward", rewards)
    run.metrics({"train/conversations": len(examples), "train/tokens": report.tokens})
    return directory, facts


def _is_whole(context: ArtifactContext, model: Model, directory: Path) -> bool:
    """Whether a directory holds a finished checkpoint. A damaged one is removed, so that it is trained again."""
    if not directory.is_dir():
        return False
    found = context.store.damage(directory, verify=True)
    if not found and not (directory / MANIFEST_FILE).is_file():
        return False  # an interrupted training, which goes on
    found = found or _unlike_its_card(context, model, directory)
    if found:
        context.dagster.log.warning(f"{found} ({directory}): it is trained again")
        shutil.rmtree(directory)
    return not found


def _unlike_its_card(context: ArtifactContext, model: Model, directory: Path) -> str:
    """What is wrong with weights that were never recorded file by file, by the version on the checkpoint's card."""
    try:
        card = read_checkpoint(context.store, model.key)
    except (MissingTable, DamagedFile):
        return ""
    same = Path(card.weights) != directory or card.version == directory_version(directory)
    return "" if same else "the weights are not those that were trained"


def _learned(losses: Sequence[float], rewards: Sequence[float]) -> bool:
    """Whether the loss fell; or, where there are rewards, whether their last quarter is above the first."""
    part = max(1, len(rewards) // 4)
    return fmean(rewards[-part:]) > fmean(rewards[:part]) if rewards else losses[-1] < losses[0]


def _table(model: Model) -> str:
    return part(str(model.variant), model.recipe.data(model.mode))


def _examples(context: ArtifactContext, model: Model) -> list[Any]:
    rows = context.store.read(model.recipe.record, "training_set", _table(model))
    chosen = share_of([row.id for row in rows], model.share)
    return [row for row in rows if row.id in chosen]


def _directory(context: ArtifactContext, model: Model, examples: Sequence[Any]) -> Path:
    """The directory for the weights trained with the model's recipe on these examples."""
    decided = [content_hash(examples), recipe(context.profile, model).fingerprint]
    if model.recipe.further:
        before = _fine_tuned(context, model)
        decided.append(_directory(context, before, _examples(context, before)).name)
    return context.store.folder("checkpoints", model.key) / fingerprint(" ".join(decided))


def _fine_tuned(context: ArtifactContext, model: Model) -> Model:
    """The full model from which this model's training continues."""
    found = context.lineup.full(model.base)
    assert found is not None, "a profile with training.rl has one"
    return found


def _base(context: ArtifactContext, model: Model) -> str:
    """The weights that training starts from: the model's base, or the full model's.

    Where the full model's weights do not exist yet, or are being made in another partition, a copy is trained
    beside the model.
    """
    if not model.recipe.further:
        return resolve_model(model.weights)
    before = _fine_tuned(context, model)
    examples = _examples(context, before)
    made = _directory(context, before, examples)
    if (made / MANIFEST_FILE).is_file() and not context.store.damage(made, verify=True):
        return str(made)
    copy = context.store.folder("checkpoints", model.key) / f"full-{made.name}"
    if not _is_whole(context, before, copy):
        before.recipe.train(examples, _job(context, before, copy), {}, _log(context))
        context.store.record(copy)
    return str(copy)


def _job(context: ArtifactContext, model: Model, directory: Path) -> TrainingJob:
    """The job for the training process; the manifest is what a checkpoint records about itself."""
    profile = context.profile
    judged_from = context.store.read(Provenance, "training_set", part(str(model.variant), JUDGED_FROM))
    manifest = {
        **model.recipe.manifest(model.mode, profile.rationales.verifier),
        "judged_from": [dataclasses.asdict(one) for one in judged_from],
        "model": model.key,
        "recipe": directory.name,
    }
    masked, base = profile.consensus.mask_code_output, _base(context, model)
    if model.recipe.further:
        machine = MachineSettings(profile.engine, profile.sandbox)
        return ReinforcementJob(base, profile.training, masked, directory, manifest, machine)
    return TrainingJob(base, profile.training.model_copy(update={"rl": None}), masked, directory, manifest)


def _log(context: ArtifactContext) -> Callable[[str], None]:
    """A callback that writes lines of the training process to Dagster's log; lines that name a step move the
    progress on."""
    advance: Callable[[int], None] | None = None
    done = 0

    def line(text: str) -> None:
        nonlocal advance, done
        context.dagster.log.info(text)
        reached = progress_of(text)
        if reached is not None:
            step, steps = reached
            advance = advance or context.advance(steps)
            advance(step - done)
            done = step

    return line


def _complete(directory: Path) -> bool:
    wanted = ("config.json", "tokenizer.json", MANIFEST_FILE)
    return all((directory / name).is_file() for name in wanted) and any(directory.glob("*.safetensors"))


def _draw(axes: Any, values: list[float], name: str) -> None:
    axes.plot(range(1, len(values) + 1), values, color="#3b6ea5")
    axes.set(xlabel="update", ylabel=name)
