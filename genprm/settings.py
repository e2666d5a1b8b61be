"""Everything that can be tuned, written down once: one typed section per artifact, defaults from the paper.

A profile is a YAML file that states what differs from these defaults (`genprm.profiles` reads one). Each section
has a fingerprint; the artifacts that depend on a section are those whose result may change when it changes.
Sections named in `OPERATIONAL` say how work is done, not what comes out: they have no say in staleness.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from genprm.fingerprints import fingerprint
from genprm.modes import Mode
from genprm.registry import ESTIMATORS, domain_of


def _is_one_turn(mode: Mode) -> Mode:
    if mode is Mode.ADAPTIVE:
        allowed = ", ".join(one for one in Mode if one is not Mode.ADAPTIVE)
        raise ValueError(f"adaptive is a way of judging, not a turn; allowed: {allowed}")
    return mode


TurnMode = Annotated[Mode, AfterValidator(_is_one_turn)]
"""A mode in which rationales are written and models are trained: every one but adaptive."""

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Key = Annotated[str, Field(pattern=r"^[a-z0-9_.-]+$")]


class SettingsError(ValueError):
    """A profile or an override is wrong; the message names the key, the value and what is allowed."""


class Section(BaseModel):
    """A frozen group of settings. Unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def fingerprint(self) -> str:
        """Sixteen hex digits that change exactly when a value changes."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return fingerprint(text)


class SamplingSettings(Section):
    """Decoding of one kind of request."""

    temperature: Annotated[float, Field(ge=0.0, le=5.0)] = 0.7
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    top_k: Annotated[int, Field(ge=0)] = 0
    """0 means no limit."""
    max_tokens: Annotated[int, Field(ge=1)] = 2048


def _known_source(name: str) -> str:
    domain_of(name)
    return name


class ProblemSettings(Section):
    """The problems that solutions are sampled for (paper 4.2: MATH train, 7.5K)."""

    source: Annotated[str, AfterValidator(_known_source)] = "math-train"
    """A source of a domain (`genprm.domains`): miniature, math-train, or another package's."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """Use the first `limit` problems; all when empty."""
    seed: int = 0
    """Which miniature problems are drawn."""
    shards: Annotated[int, Field(ge=1, le=64)] = 16
    """Partitions by hash of the problem id. At most 64: above 99 Dagster drops staleness without a word."""


class SolutionSettings(Section):
    """Solution generation with step forcing (paper 4.2)."""

    model: str = "Qwen/Qwen2.5-7B-Instruct"
    system: str | None = "Please reason step by step, and put your final answer within \\boxed{}."
    prompt: str = "{problem}"
    prefill: str = "Step 1:"
    sampling: SamplingSettings = SamplingSettings()
    wanted_correct: Annotated[int, Field(ge=1)] = 2
    """Distinct correct paths kept per problem."""
    wanted_incorrect: Annotated[int, Field(ge=1)] = 2
    """Distinct incorrect paths kept per problem."""
    batch: Annotated[int, Field(ge=1)] = 16
    """Paths asked for at a time, until both kinds are complete; more at a time once many were sampled."""
    max_samples: Annotated[int, Field(ge=1)] = 2048
    seed: int = 0


class RolloutTier(Section):
    """`rollouts` per step for problems whose MC(s_1) is below `below` (and not below an earlier tier's)."""

    below: Annotated[float, Field(gt=0.0)]
    rollouts: Annotated[int, Field(ge=1)]


class SequentialSettings(Section):
    """When sequential estimation stops rolling a step out (ours; `genprm.monte_carlo.stopping`)."""

    epsilon: Annotated[float, Field(gt=0.0, le=10.0)] = 0.8
    """Threshold of relative progress that stopping is decided for. A `labels.epsilon` other than this one labels
    without a rollout too, with steps near it less exact than K rollouts would be."""
    error: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    """Probability, at most, that a step is called kept, lost or dead and is not."""
    flip: Annotated[float, Field(ge=0.0, lt=0.5)] = 0.05
    """Stop as well once K rollouts would give another label with at most this probability; 0 never does."""
    dead_below: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    """A step that no rollout came back from is dead when its share is below this, or below half of Pass@1 where
    that is less: MC = 0 itself can be seen but not proved."""


class MonteCarloSettings(Section):
    """Monte-Carlo estimation (paper 4.2) with dynamic K (eq. 9)."""

    model: str = "Qwen/Qwen2.5-Math-7B-Instruct"
    system: str | None = "Please reason step by step, and put your final answer within \\boxed{}."
    prompt: str = "{problem}"
    sampling: SamplingSettings = SamplingSettings()
    tiers: tuple[RolloutTier, ...] = (
        RolloutTier(below=0.1, rollouts=128),
        RolloutTier(below=0.9, rollouts=64),
    )
    rollouts_otherwise: Annotated[int, Field(ge=1)] = 32
    """K when MC(s_1) is in no tier (0.9 <= MC(s_1) <= 1 in the paper)."""
    estimator: Literal["fixed", "sequential"] = "fixed"
    """K rollouts for every step (the paper's), or batches until the step's label is decided, K at most."""
    sequential: SequentialSettings = SequentialSettings()
    seed: int = 0

    @model_validator(mode="after")
    def _tiers_ascend(self) -> MonteCarloSettings:
        bounds = [tier.below for tier in self.tiers]
        if bounds != sorted(set(bounds)):
            raise ValueError(f"tiers must ascend by `below`, got {bounds}")
        return self


def _known_estimator(name: str) -> str:
    ESTIMATORS.get(name)
    return name


class LabelVariant(Section):
    """An estimator of step labels and its threshold (paper 4.2 and table 3; `changepoint` is ours)."""

    estimator: Annotated[str, AfterValidator(_known_estimator)] = "ratio"
    """One of `genprm.registry.ESTIMATORS`: ratio, difference, hard, changepoint, or another package's."""
    epsilon: Annotated[float, Field(ge=-1.0, le=10.0)] = 0.8
    """Label 1 iff progress >= epsilon, where the estimator has a threshold; when none is given, the estimator's
    own."""

    @model_validator(mode="before")
    @classmethod
    def _default_of_the_estimator(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("estimator") in ESTIMATORS:
            default = ESTIMATORS.get(values["estimator"]).default_epsilon
            return values if default is None else {"epsilon": default, **values}
        return values


MAIN_VARIANT = "main"


class LabelSettings(LabelVariant):
    """Relative progress estimation. The section's own estimator is the variant `main`; `variants` adds more."""

    variants: dict[Key, LabelVariant] = {}

    @model_validator(mode="after")
    def _main_is_taken(self) -> LabelSettings:
        if MAIN_VARIANT in self.variants:
            raise ValueError(f"variant name {MAIN_VARIANT!r} is the section's own estimator; choose another name")
        return self

    def variant(self, name: str) -> LabelVariant:
        """The estimator called `name`."""
        if name == MAIN_VARIANT:
            return LabelVariant(estimator=self.estimator, epsilon=self.epsilon)
        return self.variants[name]

    def variant_names(self) -> list[str]:
        """`main` first, then the others as written."""
        return [MAIN_VARIANT, *self.variants]


class TurnFormat(Section):
    """The wording around one judged step. The tags themselves are fixed (`genprm.verification.conversation`)."""

    system: str | None = None
    direct_system: str | None = None
    """System message of direct mode, where it differs."""
    question: str = "Question: {problem}\n\n{step}"
    """First user turn; later ones are the step alone."""
    assistant_header: bool = True
    """Whether the turn being written begins as finished ones do; the published evaluation left its header out."""
    analyze_lead: str = "Let's analyze the Paragraph {number} step by step: "
    verify_lead: str = "Let's use python code to find any potential error:\n"


class VerifierSettings(Section):
    """The analyse / verify / execute / judge loop (paper 4.2 and 4.3)."""

    sampling: SamplingSettings = SamplingSettings(temperature=0.6, top_p=0.95, top_k=20)
    """`max_tokens` is the budget of a whole step, code output included."""
    rounds: Annotated[int, Field(ge=1)] = 3
    """Code blocks per step before a verdict is forced."""
    tau: Annotated[float, Field(ge=0.0, le=0.5)] = 0.1
    """Adaptive judgement goes on where a reward is further than this from 0 and from 1 (released code: 0.1)."""
    format: TurnFormat = TurnFormat()
    seed: int = 0

    def deciding(self, mode: Mode) -> dict[str, Any]:
        """The values that have a say in a judgement in `mode`, as JSON has them."""
        return self.model_dump(mode="json", exclude=None if mode is Mode.ADAPTIVE else {"tau"})


class RationaleSettings(Section):
    """Code-verified rationales (paper 4.2)."""

    model: str = "Qwen/QwQ-32B"
    mode: TurnMode = Mode.FULL
    verifier: VerifierSettings = VerifierSettings()

    def deciding(self) -> dict[str, Any]:
        """The values that have a say in a rationale, as JSON has them."""
        return {**self.model_dump(mode="json"), "verifier": self.verifier.deciding(self.mode)}


class FilterSettings(Section):
    """Consensus filtering and the training set made from what it keeps (paper 4.2)."""

    balance: bool = False
    """Keep as many conversations without an error as with one (the surplus is dropped by hash of the id)."""
    mask_code_output: bool = False
    """Leave the executed output out of the loss."""
    share: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Share of the kept conversations that is used (paper table 8)."""


class TrainingSettings(Section):
    """Supervised fine-tuning (paper 5.1: batch 64, learning rate 2e-6, DeepSeek-R1-Distill bases)."""

    base: dict[Key, str] = {"r1-distill-7b": "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"}
    modes: tuple[TurnMode, ...] = (Mode.FULL, Mode.COT, Mode.DIRECT)
    variants: tuple[Key, ...] = (MAIN_VARIANT,)
    """Label variants that checkpoints are trained on: the first in every mode, the others in full (table 3)."""
    discriminative: bool = False
    """Train a classification head on the same solutions too (eq. 1)."""
    think: bool = False
    """Train a ThinkPRM on the same solutions too: one verification of the whole solution instead of turns."""
    shares: tuple[Annotated[float, Field(gt=0.0, lt=1.0)], ...] = ()
    """Smaller shares of the training set that a full model of the first variant is trained on too (table 8)."""
    epochs: Annotated[float, Field(gt=0.0)] = 1.0
    learning_rate: Annotated[float, Field(gt=0.0)] = 2e-6
    batch_size: Annotated[int, Field(ge=1)] = 64
    device_batch_size: Annotated[int, Field(ge=1)] = 1
    max_length: Annotated[int, Field(ge=16)] = 8192
    warmup_ratio: Share = 0.0
    scheduler: Literal["linear", "cosine", "constant"] = "cosine"
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.0
    precision: Literal["bf16", "fp32"] = "bf16"
    seed: int = 0

    @model_validator(mode="after")
    def _whole_updates(self) -> TrainingSettings:
        if self.batch_size % self.device_batch_size:
            raise ValueError(
                f"batch_size {self.batch_size} must be a multiple of device_batch_size {self.device_batch_size}"
            )
        return self

    def trained(self) -> list[tuple[str, Mode]]:
        """The label variant and the mode of every generative model that sees the whole training set, per base."""
        return [
            (variant, mode)
            for index, variant in enumerate(self.variants)
            for mode in (self.modes if index == 0 else (Mode.FULL,))
        ]


class EvaluationSettings(Section):
    """ProcessBench (paper 5.2) and test-time scaling of the reward model."""

    source: Literal["miniature", "processbench"] = "processbench"
    subsets: tuple[Key, ...] = ("gsm8k", "math", "olympiadbench", "omnimath")
    limit: Annotated[int, Field(ge=1)] | None = None
    """Cases per subset; all when empty."""
    votes: Annotated[int, Field(ge=1)] = 8
    """Verification paths per case: Pass@1 is their mean, Maj@N their vote."""
    other_votes: Annotated[int, Field(ge=1)] | None = None
    """Paths per case of the models that `full` is compared with; as many when empty."""
    other_modes: tuple[Mode, ...] = ()
    """Modes besides its own that the full model is judged in: what analysis, code and running it are worth at test
    time (table 5), and judging adaptively. With code_unrun the code model is, too."""
    threshold: Share = 0.5
    """A step is wrong when its reward is below this."""
    bootstrap: Annotated[int, Field(ge=100)] = 2000
    """Resamples behind each 95 % interval."""
    verifier: VerifierSettings = VerifierSettings()
    seed: int = 0

    def votes_in(self, mode: Mode, full: bool) -> int:
        """Paths per case of a model that judges in `mode`."""
        return _paths(mode, self.votes if full else self.other_votes or self.votes)

    def modes_besides(self, trained: Mode) -> tuple[Mode, ...]:
        """Those of `other_modes` that a model trained in one mode has learnt enough for."""
        return tuple(
            mode
            for mode in self.other_modes
            if mode is not trained and (trained is Mode.FULL or mode is trained.unrun)
        )


def _paths(mode: Mode, votes: int) -> int:
    """Paths of a mode that samples nothing all say the same: one is enough."""
    return votes if mode.sampled else 1


Aggregate = Literal["last", "mean", "min", "product"]
"""How the rewards of the steps become the reward of a solution; the paper's PRM-Last, PRM-Avg and PRM-Min, and the
product."""


class ScalingSettings(Section):
    """Best-of-N on sets of problems with answers (paper 5.3 and appendix A). Without `sets` nothing is made."""

    sets: tuple[Key, ...] = ()
    """Names of `genprm.data_sets.answer_sets.ANSWER_SETS`, or `miniature`."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """Problems per set; all when empty."""
    model: str = "Qwen/Qwen2.5-Math-7B-Instruct"
    system: str | None = "Please reason step by step, and put your final answer within \\boxed{}."
    prompt: str = "{problem}"
    prefill: str = "Step 1:"
    sampling: SamplingSettings = SamplingSettings()
    candidates: Annotated[int, Field(ge=1, le=256)] = 32
    """Solutions sampled per problem; smaller N are disjoint chunks of these."""
    votes: Annotated[int, Field(ge=1)] = 1
    """Verification paths per candidate."""
    aggregate: Aggregate = "min"
    """The reward of a solution that the leaderboard shows; all of them are recorded."""
    seed: int = 0

    def votes_in(self, mode: Mode) -> int:
        """Paths per candidate of a model that judges in `mode`."""
        return _paths(mode, self.votes)


class RefinementSettings(Section):
    """The reward model as critic: the policy rewrites what was judged wrong (paper 5.3: temperature 0.7, 3 turns).
    Without `sets` nothing is made.

    In `opening` and `request` the words {problem}, {solution}, {number} (1-based), {step}, {quoted_step} and
    {critique} stand for what they name.
    """

    system: str | None = "Please reason step by step, and put your final answer within \\boxed{}."
    opening: str | None = "{problem}"
    """First user turn, which the solution answers; when empty, `request` is the only turn."""
    request: str = (
        "Step {number} of your solution may be wrong:\n\n{quoted_step}\n\n{critique}\n\n"
        "Think about it again, and write the whole solution in numbered steps."
    )
    sampling: SamplingSettings = SamplingSettings()
    sets: tuple[Key, ...] = ()
    """Those of `scaling.sets` whose first candidates are refined, by the policy that drew them."""
    solutions: Annotated[int, Field(ge=1)] = 1
    """Candidates per problem that are refined."""
    turns: Annotated[int, Field(ge=1)] = 3
    votes: Annotated[int, Field(ge=1)] = 1
    """Verification paths of a reward model as critic."""
    keep_steps: bool = False
    """Keep the steps before the wrong one; otherwise the policy writes a new solution."""
    seed: int = 0


LIVE_PATHS = 256
"""Verification paths judged at a time unless set; the sandbox keeps as many interpreters alive."""


class EngineSettings(Section):
    """How text is generated."""

    backend: Literal["transformers", "vllm", "openai"] = "vllm"
    max_in_flight: Annotated[int, Field(ge=1)] = 256
    """Requests that the engine works on at a time; the others wait."""
    live_paths: Annotated[int, Field(ge=1)] = LIVE_PATHS
    """Verification paths judged at a time; the others wait. Each holds an interpreter and a place in caches."""
    replicas: Annotated[int, Field(ge=1, le=64)] = 1
    """Copies of the model at work, each in a process, on a core or a GPU, of its own (backend transformers)."""
    max_batch: Annotated[int, Field(ge=1)] = 256
    """Rows decoded together (backends transformers and vllm)."""
    prefix_cache_mb: Annotated[int, Field(ge=0)] = 512
    """Memory for the keys and values of finished requests, from which later ones go on (backend transformers; vllm
    keeps them within `kv_cache_mb`). With 0 no prompt goes on from another, in either."""
    kv_cache_mb: Annotated[int, Field(ge=1)] | None = None
    """Memory for all keys and values (backend vllm). When empty: what vLLM takes of a GPU, 4 GiB on a CPU."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    max_context: Annotated[int, Field(ge=64)] = 16384
    url: str | None = None
    """Address of the completions server (backend openai), such as `http://localhost:8000/v1`."""
    served_model: str | None = None
    """Name under which the server serves the model, where it is not the model's own (backend openai)."""
    request_seconds: Annotated[float, Field(gt=0.0)] = 600.0
    """Time that the server may take to answer one request (backend openai)."""
    attempts: Annotated[int, Field(ge=1)] = 6
    """How often a request is made before the server is given up, with growing waits between (backend openai)."""

    @model_validator(mode="after")
    def _only_the_embedded_engine_is_copied(self) -> EngineSettings:
        if self.replicas > 1 and self.backend != "transformers":
            raise ValueError(f"engine.replicas is {self.replicas}, allowed with backend {self.backend!r}: 1")
        return self


class SandboxSettings(Section):
    """How model-written code is run."""

    level: Annotated[int, Field(ge=0, le=3)] | None = None
    """Isolation level asked for; the best that the machine has when empty. 3 and 0 only when asked for."""
    docker: str | None = None
    """Image of the containers that code runs in, at level 2; on this machine itself when empty."""
    seconds: Annotated[float, Field(gt=0.0)] = 5.0
    """CPU time of one block, so that no other work on the machine decides how it ends."""
    import_seconds: Annotated[float, Field(ge=0.0)] = 20.0
    """CPU time that imports of installed modules may take in one block, beside `seconds`."""
    wall_factor: Annotated[float, Field(ge=1.0)] = 6.0
    """Time after which a block is stopped whatever it waits for, in units of `seconds`."""
    echo_last: bool = False
    """Show the value of an expression that a block ends with, as a notebook does; published models see what was
    printed alone."""
    show_stderr: bool = False
    """Show what a block writes to stderr (warnings, tracebacks) among its output; published models do not see
    that."""
    memory_mb: Annotated[int, Field(ge=64)] = 1024
    output_bytes: Annotated[int, Field(ge=64)] = 65536
    scratch_mb: Annotated[int, Field(ge=1)] = 16
    """Size of a session's scratch directory in memory, which there is at level 1 alone."""
    scratch_files: Annotated[int, Field(ge=1)] = 1000
    """Files and directories in it."""
    preload: tuple[str, ...] = ("sympy", "numpy", "scipy.optimize", "scipy.integrate")
    """Modules that every session has loaded from the start; others are imported when a block asks for them. Those
    of scipy cost each session 2 ms more to fork, and save the first block that imports them most of a second."""
    workers: Annotated[int, Field(ge=1)] = 2


class TrackingSettings(Section):
    """Where runs are recorded. Empty means SQLite under the project's home directory."""

    uri: str | None = None
    experiment: str = "genprm"


class RunnerSettings(Section):
    """How `genprm run` spreads work over this machine."""

    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes that materialize partitions at the same time; each opens its own engine."""


OPERATIONAL = frozenset({"engine", "sandbox", "tracking", "runner"})


class Profile(Section):
    """One run, completely described."""

    name: Key
    problems: ProblemSettings = ProblemSettings()
    solutions: SolutionSettings = SolutionSettings()
    monte_carlo: MonteCarloSettings = MonteCarloSettings()
    labels: LabelSettings = LabelSettings()
    rationales: RationaleSettings = RationaleSettings()
    consensus: FilterSettings = FilterSettings()
    training: TrainingSettings = TrainingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    scaling: ScalingSettings = ScalingSettings()
    refinement: RefinementSettings = RefinementSettings()
    engine: EngineSettings = EngineSettings()
    sandbox: SandboxSettings = SandboxSettings()
    tracking: TrackingSettings = TrackingSettings()
    runner: RunnerSettings = RunnerSettings()

    @model_validator(mode="after")
    def _variants_exist(self) -> Profile:
        known = self.labels.variant_names()
        missing = [name for name in self.training.variants if name not in known]
        if missing:
            raise ValueError(f"training.variants names {missing}, labels has {known}")
        return self

    @model_validator(mode="after")
    def _refined_sets_have_candidates(self) -> Profile:
        missing = [name for name in self.refinement.sets if name not in self.scaling.sets]
        if missing:
            raise ValueError(f"refinement.sets names {missing}, scaling.sets has {list(self.scaling.sets)}")
        if self.refinement.solutions > self.scaling.candidates:
            raise ValueError(
                f"refinement.solutions is {self.refinement.solutions}, allowed: at most scaling.candidates "
                f"= {self.scaling.candidates}"
            )
        return self

    @model_validator(mode="after")
    def _chains_are_made_of_analyses(self) -> Profile:
        if self.training.think and not self.rationales.mode.analysis:
            raise ValueError(
                f"training.think needs rationales with an analysis: rationales.mode is {self.rationales.mode!r}, "
                f"allowed: {', '.join(mode for mode in Mode.FULL.contained() if mode.analysis)}"
            )
        return self

    @model_validator(mode="after")
    def _a_full_model_is_judged_otherwise(self) -> Profile:
        if self.evaluation.other_modes and Mode.FULL not in self.training.modes:
            raise ValueError(
                "evaluation.other_modes needs a model trained in full mode, which training.modes lacks"
            )
        return self

    def section(self, name: str) -> Section:
        """The section called `name`."""
        value = getattr(self, name)
        assert isinstance(value, Section)
        return value


def section_names() -> list[str]:
    """Every section of a profile, in pipeline order."""
    return [name for name in Profile.model_fields if name != "name"]


def home() -> Path:
    """Everything a run makes lives here: `GENPRM_HOME`, or `.genprm` in the current directory."""
    return Path(os.environ.get("GENPRM_HOME") or ".genprm").resolve()
