"""The card of a checkpoint: what it is, how it was made, how it is asked, what was measured, what it cannot do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from genprm.hub.run_facts import RunFacts
from genprm.manifest import CheckpointManifest
from genprm.results.captions import interval_cell, metric_caption, value_cell, votes_caption
from genprm.results.measures import MEAN, Measure, Metric

TEMPLATE = Path(__file__).with_name("model_card.md")
NO_LICENCE = "None was stated. The licences of the base model and of the training data apply."
_MINIATURE = "miniature"
_SHOWN = (Metric.F1, Metric.ERROR_ACCURACY, Metric.CORRECT_ACCURACY, Metric.WRONG_PASSED, Metric.CALIBRATION_ERROR)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a card is written from. Names are public ones, without paths of this machine; `weights` maps files to
    their SHA-256."""

    name: str
    manifest: CheckpointManifest
    base: str | None
    weights: dict[str, str]
    calibrated: bool
    run: RunFacts | None
    licence: str | None

    @property
    def of_the_miniature(self) -> bool:
        """Whether the model knows nothing but the miniature's world."""
        return any(_MINIATURE in Path(name).parts for name in (self.base, self.source) if name)

    @property
    def source(self) -> str | None:
        """The profile and key under which a run trained it."""
        return f"{self.run.profile}/{self.run.model}" if self.run else None

    @property
    def measures(self) -> list[Measure]:
        """The run's measures that a card shows, in the order of the run."""
        return [row for row in self.run.measures if row.metric in _SHOWN] if self.run else []

    @property
    def not_measured(self) -> str:
        """Why there are no measures; empty where there are."""
        if self.measures:
            return ""
        if self.run is None:
            return "Not measured: these weights are not the current checkpoint of a run."
        return "Not measured: the run has no leaderboard that is newer than these weights."


def model_card(facts: ModelFacts) -> ModelCard:
    """The card with its metadata; F1 stands in both."""
    data = ModelCardData(
        model_name=facts.name,
        library_name="transformers",
        pipeline_tag="text-generation",
        license=facts.licence,
        base_model=facts.base if facts.base and not facts.of_the_miniature else None,
        tags=["process-reward-model", "genprm", "arxiv:2504.00891"],
        eval_results=[_result(row) for row in facts.measures if row.metric is Metric.F1] or None,
    )
    by_step = facts.manifest.adapter is None
    card: ModelCard = ModelCard.from_template(
        data,
        template_path=str(TEMPLATE),
        title=facts.name,
        what=_what(facts),
        usage=_usage(facts),
        command=f"genprm judge solutions.jsonl --model {facts.name}" if by_step else "",
        made=_made(facts),
        asked=_asked(facts.manifest),
        measures=[_row(row) for row in facts.measures],
        not_measured=facts.not_measured,
        limits=_limits(facts),
        licence=facts.licence or NO_LICENCE,
    )
    return card


def _what(facts: ModelFacts) -> str:
    if facts.manifest.adapter is not None:
        return f"A process reward model (`{facts.manifest.adapter}`): it gives each step of a solution a reward."
    return (
        "A generative process reward model: it judges each step of a solution in words and code before it says "
        "whether the step is right. The reward of a step is P(Yes) / (P(Yes) + P(No)) at its verdict."
    )


def _usage(facts: ModelFacts) -> str:
    if facts.manifest.adapter is not None:
        return f"# genprm evaluate processbench --model {facts.name}"
    return (
        "from genprm import GenPRM\n\n"
        f'with GenPRM.load("{facts.name}") as prm:  # or the path of this directory\n'
        '    print(prm.score("What is 2 + 3 * 4?", ["2 + 3 = 5", "5 * 4 = 20"], votes=8).rewards)'
    )


def _made(facts: ModelFacts) -> list[tuple[str, object]]:
    manifest, settings = facts.manifest, facts.manifest.settings
    extra = manifest.model_extra or {}
    rows: list[tuple[str, object]] = [
        ("base", facts.base),
        ("profile", facts.run and facts.run.profile),
        ("model of the profile", facts.run.model if facts.run else extra.get("model")),
        ("fingerprint of training set and recipe", extra.get("recipe")),
        ("fingerprint of the checkpoint in its run", facts.run and facts.run.version),
        *((f"SHA-256 of `{name}`", f"`{digest}`") for name, digest in facts.weights.items()),
        ("conversations", manifest.examples),
        ("of them too long", manifest.dropped),
        ("tokens in one pass", manifest.tokens),
        ("tokens with loss", manifest.loss_tokens),
        ("updates", manifest.steps),
        ("loss, first and last", _losses(manifest)),
    ]
    if settings is not None:
        rows += [
            ("epochs", settings.epochs),
            ("batch", settings.batch_size),
            ("learning rate", settings.learning_rate),
            ("precision", settings.precision),
            ("LoRA rank", settings.lora and settings.lora.rank),
        ]
    versions = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    return [(name, value) for name, value in [*rows, ("libraries", versions)] if value not in (None, "")]


def _losses(manifest: CheckpointManifest) -> str:
    if manifest.first_loss is None or manifest.last_loss is None:
        return ""
    return f"{manifest.first_loss:.4f}, {manifest.last_loss:.4f}"


def _asked(manifest: CheckpointManifest) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [("mode", manifest.inference_mode)]
    if manifest.verifier is not None:
        sampling = manifest.verifier.sampling
        rows += [
            ("temperature", sampling.temperature),
            ("top-p", sampling.top_p),
            ("top-k", sampling.top_k or "no limit"),
            ("tokens of a round at most", sampling.max_tokens),
            ("rounds of code per step", manifest.verifier.rounds),
        ]
    return [(name, value) for name, value in rows if value is not None]


def _row(measure: Measure) -> dict[str, object]:
    name = f"{metric_caption(measure)} {votes_caption(measure.votes)} {measure.setting}"
    return {
        "subset": measure.subset or MEAN,
        "metric": " ".join(name.split()),
        "value": value_cell(measure),
        "interval": interval_cell(measure),
        "count": measure.count,
    }


def _result(measure: Measure) -> EvalResult:
    miniature = measure.model.startswith(_MINIATURE)
    return EvalResult(
        task_type="text-generation",
        dataset_type=_MINIATURE if miniature else "Qwen/ProcessBench",
        dataset_name=f"{'miniature benchmark' if miniature else 'ProcessBench'} ({measure.subset})",
        dataset_config=measure.subset,
        metric_type="f1",
        metric_name=f"F1, {votes_caption(measure.votes)}, 95 % {interval_cell(measure)}",
        metric_value=round(measure.value, 2),
    )


def _limits(facts: ModelFacts) -> list[str]:
    limits = []
    if facts.of_the_miniature:
        limits.append("It knows the miniature's word problems and nothing else: a demonstration, no judge.")
    if facts.manifest.inference_mode is not None and facts.manifest.inference_mode.runs:
        limits.append("It writes Python that has to be run in a sandbox; `genprm` brings one.")
    limits.append(
        "Rewards are calibrated by `calibration.json`, where `genprm` shows both."
        if facts.calibrated
        else "Rewards are not calibrated: 0.9 does not mean right in nine cases of ten."
    )
    limits.append(
        "A high reward is no proof: solutions with a wrong step pass, as often as the measures above say."
    )
    return limits
