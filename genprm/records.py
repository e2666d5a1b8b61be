"""The nouns of the method, one frozen dataclass each. `genprm.tables` keeps them as tables.

Nothing that differs between two runs of the same work (seconds, host names, dates) is a field: the content of a
table identifies it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

NO_ERROR = -1
"""Index that stands for "no step is wrong", as in ProcessBench."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation: `role` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A question with its reference answer."""

    id: str
    problem: str
    answer: str
    source: str


@dataclass(frozen=True, slots=True)
class StepwiseSolution:
    """A problem and the steps of one solution to it.

    `id` decides which samples a verifier draws; without one they follow from problem and steps.
    """

    problem: str
    steps: tuple[str, ...]
    id: str = ""


@dataclass(frozen=True, slots=True)
class SampledProblem:
    """What sampling the policy on one problem gave (paper 4.2): all paths, kept or not.

    `outcome` is kept, easy (no incorrect valid path) or hard (no correct valid path); only kept problems go on.
    `invalid` paths (truncated, one step, misnumbered) count as incorrect for `pass_at_1`. `tokens` were generated;
    `prompt_tokens` are those of the prompt, which all samples share, read once.
    """

    problem_id: str
    samples: int
    correct: int
    invalid: int
    pass_at_1: float
    outcome: str
    tokens: int
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class Solution:
    """One kept path of the policy. `pass_at_1` is that of its problem and serves as MC(s_1)."""

    id: str
    problem_id: str
    problem: str
    answer: str
    steps: list[str]
    final_answer: str | None
    correct: bool
    pass_at_1: float


@dataclass(frozen=True, slots=True)
class StepScores:
    """Monte-Carlo scores of one solution: `mc[t]` is MC(s_t, a_t), the share of rollouts after step t that
    reach the answer; `rollouts[t]` of them were drawn (0 for the last step and after the first zero).

    `stopped[t]` says why step t got no more rollouts (`genprm.monte_carlo.stopping.StopReason`). `decided_for` is
    the epsilon that sequential estimation decided for; None when every step got its K rollouts. `outcomes[t]` has a
    character per rollout in the order drawn: 1 where it reached the answer, 0 where not. `tokens` were generated;
    `prompt_tokens` are those of the longest prompt, read once: every other prompt is a prefix of it.
    """

    solution_id: str
    problem_id: str
    pass_at_1: float
    mc: list[float]
    rollouts: list[int]
    tokens: int
    stopped: list[str] = field(default_factory=list)
    decided_for: float | None = None
    outcomes: list[str] = field(default_factory=list)
    prompt_tokens: int = 0


@dataclass(frozen=True, slots=True)
class StepLabels:
    """Step labels of one solution under one estimator. `first_error` is the first 0-based index with label 0."""

    solution_id: str
    estimator: str
    epsilon: float
    progress: list[float]
    labels: list[int]
    first_error: int


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a reward was read from: an engine ("vllm"), its version, and the kind of its log-probabilities.

    `logprobs` is "raw" (before temperature and truncation) or "processed" (after both, as vLLM gave them before
    its version 1, which makes rewards almost binary).
    """

    engine: str
    version: str
    logprobs: str


@dataclass(frozen=True, slots=True)
class StepVerification:
    """The judgement of one step on one path.

    `text` is the whole assistant turn. `reward` is P(Yes) / (P(Yes) + P(No)) at the verdict, in [0, 1]; 0.5 and
    `verdict` "none" when there is no verdict. `forced` says that the verdict was asked for because rounds or
    tokens ran out. `executions` holds the sandbox status of every block that was run.
    """

    text: str
    analysis: str
    code: str
    output: str
    reward: float
    verdict: str
    forced: bool
    executions: list[str]
    tokens: int


@dataclass(frozen=True, slots=True)
class Verification:
    """One path over the steps of one solution. Shorter than the solution when it stopped at the first error.

    `provenance` says what its rewards were read from, `spellings` which tokens stood for Yes or No where a verdict
    was due, in alphabetical order.
    """

    id: str
    path: int
    mode: str
    steps: list[StepVerification]
    prompt_tokens: int
    tokens: int
    provenance: Provenance
    spellings: list[str]


@dataclass(frozen=True, slots=True)
class VoteReading:
    """How the rewards of all paths over one solution were read: from what (each once: a run may go on with another
    engine than it began with), which tokens stood for Yes or No, and how many verdicts were forced or missing."""

    provenance: list[Provenance]
    spellings: list[str]
    forced: int


@dataclass(frozen=True, slots=True)
class Rationale:
    """The rationale model's verification of a solution, with the solution it judges."""

    solution_id: str
    problem: str
    steps: list[str]
    judged_first_error: int
    verification: Verification


@dataclass(frozen=True, slots=True)
class FilterDecision:
    """What consensus filtering decided for one solution; `reason` is "agree" for the kept ones."""

    solution_id: str
    kept: bool
    reason: str
    label_first_error: int
    judged_first_error: int


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One conversation in TRL's conversational format."""

    id: str
    messages: list[Message]


@dataclass(frozen=True, slots=True)
class BenchmarkCase:
    """A ProcessBench row: `label` is the 0-based index of the first wrong step, -1 if there is none."""

    id: str
    subset: str
    generator: str
    problem: str
    steps: list[str]
    final_answer_correct: bool
    label: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """A benchmark case with what a model made of it: the released fields, then `prediction` and `rewards`.

    `path_rewards` holds the rewards of each verification path; `rewards` is their mean (Maj@N, paper eq. 7).
    `executions` counts the code blocks that were run. `reading` is None where no verdict of a generative model was
    read: the rewards are the model's own numbers.
    """

    id: str
    subset: str
    generator: str
    problem: str
    steps: list[str]
    final_answer_correct: bool
    label: int
    prediction: int
    rewards: list[float]
    path_rewards: list[list[float]]
    tokens: int
    prompt_tokens: int
    executions: int = 0
    reading: VoteReading | None = None


@dataclass(frozen=True, slots=True)
class SampledSolution:
    """One of the N solutions that the policy sampled for a problem of an answer set (Best-of-N, paper 5.3).

    `group` numbers the different answers to the problem in the order in which they were drawn, None without an
    answer. A solution whose steps are not numbered has its paragraphs as steps; a truncated one has no answer.
    `tokens` were generated; `prompt_tokens` are those of the prompt, the same for all candidates of a problem.
    """

    id: str
    problem_id: str
    problem: str
    steps: list[str]
    final_answer: str | None
    group: int | None
    correct: bool
    tokens: int
    prompt_tokens: int = 0


@dataclass(frozen=True, slots=True)
class SolutionRewards:
    """What a reward model gave a sampled solution: `rewards` per step, the mean over the verification paths; for a
    model that scores whole solutions, that one score.

    `executions` counts the code blocks that were run, `reading` says how the rewards were read; it is None where
    they are the model's own numbers.
    """

    id: str
    problem_id: str
    rewards: list[float]
    path_rewards: list[list[float]]
    tokens: int
    prompt_tokens: int
    executions: int
    reading: VoteReading | None
