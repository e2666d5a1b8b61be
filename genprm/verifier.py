r"""The analyse / verify / execute / judge loop (paper 4.2, 4.3), used by the rationale model and by GenPRM alike.

One path over a solution is a plain coroutine: run as many as you like at once, the engine batches what is in flight
and code runs in the sandbox meanwhile. A conversation only ever grows, so the prompt of a request begins with the
prompt and the reply of the one before it and the engine's prefix cache serves it. The one exception is a forced
verdict, which goes back to the end of the analysis.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from genprm.conversation import (
    ANALYZE_CLOSE,
    CODE_CLOSE,
    OUTPUT_CLOSE,
    VERDICT_LEAD,
    VERDICT_TAIL,
    Verdict,
    analyze_prefill,
    closed_analysis,
    conversation_messages,
    output_block,
    parse_turn,
    pending_code,
    verdict_start,
    verify_prefill,
)
from genprm.engines.base import Completion, ContextFull, Engine, EngineError, Sampling
from genprm.records import NO_ERROR, Message, Provenance, StepVerification, Verification
from genprm.sandbox.base import Sandbox, SandboxError, Session
from genprm.settings import LIVE_PATHS, Mode, VerifierSettings

VERDICT_LOGPROBS = 20
"""Most probable tokens looked at where the verdict is due (as in the published evaluation)."""
UNDECIDED = 0.5
"""Reward of a step that no verdict could be had for."""

GoOn = Callable[[Sequence[float]], Awaitable[bool]]
"""Whether a path is to judge one more step, given its rewards so far. Asked between steps, in order."""

_WORDS = ("Yes", "No")
_NO_VERDICT: tuple[float, Verdict] = (UNDECIDED, "none")
_WITH_ANALYSIS = frozenset({"full", "cot", "text"})
_WITH_CODE = frozenset({"full", "code", "text"})
EXECUTED = frozenset({"full", "code"})
"""The modes whose code is run."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How rewards were read: from which engine and which kind of log-probabilities, among how many of the most
    probable tokens, and which tokens stood for Yes and for No (all that were met so far, in order)."""

    provenance: Provenance
    listed: int
    spellings: dict[str, list[str]]


def rewards(verification: Verification) -> list[float]:
    """Reward per judged step, each in [0, 1]."""
    return [step.reward for step in verification.steps]


def first_error(rewards: Sequence[float], threshold: float = 0.5) -> int:
    """0-based index of the first reward below `threshold`, -1 if there is none (ProcessBench).

    >>> first_error([0.9, 0.5, 0.2, 0.1])
    2
    """
    return next((index for index, reward in enumerate(rewards) if reward < threshold), NO_ERROR)


async def every_step(rewards: Sequence[float]) -> bool:
    """Judge all steps (`GoOn`)."""
    return True


def up_to_first_error(threshold: float = 0.5) -> GoOn:
    """Judge up to and including the first step whose reward is below `threshold`."""

    async def go_on(rewards: Sequence[float]) -> bool:
        return rewards[-1] >= threshold

    return go_on


def verdict_word(token: str) -> str | None:
    """Yes or No where a token spells it: with spaces around it, or with the brace behind it.

    >>> verdict_word(" Yes"), verdict_word("No}"), verdict_word("no"), verdict_word("Not")
    ('Yes', 'No', None, None)
    """
    word = token.strip().rstrip("}$")
    return word if word in _WORDS else None


def read_reward(logprobs: Mapping[str, float]) -> tuple[float, Verdict]:
    """Reward and verdict from the raw log-probabilities (nats) of the most probable tokens at the verdict.

    Reward = p(Yes) / (p(Yes) + p(No)), each the sum over all spellings of the word (`verdict_word`). A word that is
    not listed is at most as probable as the least probable token that is, and counts as much. Neither listed: 0.5
    and "none". The verdict is the more probable word; a tie is Yes, as a reward of 0.5 is not below 0.5.

    >>> read_reward({"Yes": math.log(0.6), " Yes": math.log(0.15), "No": math.log(0.25)})
    (0.75, 'Yes')
    """
    mass = dict.fromkeys(_WORDS, 0.0)
    for token, logprob in logprobs.items():
        if (word := verdict_word(token)) is not None:
            mass[word] += math.exp(logprob)
    yes, no = mass["Yes"], mass["No"]
    if yes + no == 0.0:
        return _NO_VERDICT
    bound = math.exp(min(logprobs.values()))
    yes, no = yes or bound, no or bound
    return yes / (yes + no), "Yes" if yes >= no else "No"


def request_seed(seed: int, case_id: str, path: int, step: int, stage: str) -> int:
    """A 31-bit seed from what a request is for, so that no result depends on what else is in flight."""
    key = "\x1f".join((str(seed), case_id, str(path), str(step), stage))
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") >> 1


class Verifier:
    """Judges the steps of solutions with one model and one sandbox, `live_paths` paths at a time."""

    def __init__(
        self,
        engine: Engine,
        sandbox: Sandbox | None,
        settings: VerifierSettings,
        live_paths: int = LIVE_PATHS,
    ) -> None:
        self.engine = engine
        self.sandbox = sandbox
        self.settings = settings
        self.live_paths = live_paths
        self._spellings: dict[str, set[str]] = {word: set() for word in _WORDS}
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    def reading(self) -> Reading:
        """How the rewards given so far were read."""
        spellings = {word: sorted(found) for word, found in self._spellings.items()}
        return Reading(self.engine.provenance, VERDICT_LOGPROBS, spellings)

    def note_spellings(self, tokens: Iterable[str]) -> None:
        """Remember those of `tokens`, met where a verdict was due, that spell one."""
        for token in tokens:
            if (word := verdict_word(token)) is not None:
                self._spellings[word].add(token)

    def _place(self) -> asyncio.Semaphore:
        """A place among the live paths; a semaphore belongs to one event loop."""
        return self._places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self.live_paths))

    async def verify(
        self,
        case_id: str,
        problem: str,
        steps: Sequence[str],
        mode: Mode,
        path: int = 0,
        go_on: GoOn = every_step,
    ) -> Verification:
        """One verification path: a reward in [0, 1] for each step, T in all unless `go_on` ends it before.

        `path` numbers independent paths of the same case (paper eq. 6): each has its own samples, history and
        interpreter. What scripts do wrong is data. A step whose verdict cannot be had, even when asked for it,
        has reward 0.5 and verdict "none". Of the paths asked for at once, `live_paths` are judged at a time.

        Raises:
            ValueError: no steps, or a mode that runs code without a sandbox.
            EngineError, SandboxError: as raised by engine and sandbox, with case, path and step named.
        """
        if not steps:
            raise ValueError(f"case {case_id!r}: steps is empty; at least one step is needed")
        if mode in EXECUTED and self.sandbox is None:
            raise ValueError(f"case {case_id!r}: mode {mode!r} runs code and needs a sandbox, got none")
        async with self._place():
            return await self._judged(case_id, problem, steps, mode, path, go_on)

    async def _judged(
        self, case_id: str, problem: str, steps: Sequence[str], mode: Mode, path: int, go_on: GoOn
    ) -> Verification:
        walk = _Path(self, case_id, path, mode)
        judged: list[StepVerification] = []
        try:
            for index in range(len(steps)):
                if judged and not await go_on([step.reward for step in judged]):
                    break
                history = [step.text for step in judged]
                messages = conversation_messages(self.settings.format, problem, steps[: index + 1], history, mode)
                judged.append(await walk.judge(messages, index))
        except EngineError as error:
            raise EngineError(f"case {case_id!r}, path {path}, step {len(judged)}: {error}") from error
        except SandboxError as error:
            raise SandboxError(f"case {case_id!r}, path {path}, step {len(judged)}: {error}") from error
        finally:
            await walk.close()
        return Verification(
            id=case_id,
            path=path,
            mode=mode,
            steps=judged,
            prompt_tokens=walk.prompt_tokens,
            tokens=sum(step.tokens for step in judged),
            provenance=self.engine.provenance,
            spellings=sorted(walk.spellings),
        )


class _Path:
    """What lasts from step to step of one path: the interpreter and what is known of the model's reading.

    `prompt_tokens` counts each token of the conversation that the model did not write once, as a prefix cache
    would; `context` is the number of tokens read or written when the last request ended. `spellings` are the
    tokens that stood for Yes or No.
    """

    def __init__(self, verifier: Verifier, case_id: str, path: int, mode: Mode) -> None:
        self.settings = verifier.settings
        self.mode = mode
        self.prompt_tokens = 0
        self.spellings: set[str] = set()
        self._verifier = verifier
        self._engine = verifier.engine
        self._sandbox = verifier.sandbox
        self._case_id = case_id
        self._path = path
        self._context = 0
        self._session: Session | None = None

    async def judge(self, messages: Sequence[Message], index: int) -> StepVerification:
        """Judge the step that the last message shows; `index` is its 0-based number."""
        return await _Turn(self, messages, index).judge()

    def prompt(self, messages: Sequence[Message], opening: str) -> str:
        """The conversation up to the assistant turn that is to begin with `opening`."""
        if not self.settings.format.assistant_header:
            return self._engine.render(messages)
        prompt = self._engine.render(messages, prefill=opening)
        if not prompt.endswith(opening):
            raise EngineError(f"the chat template does not keep the prefill {opening!r}")
        return prompt.removesuffix(opening)

    async def complete(
        self, prompt: str, index: int, stage: str, max_tokens: int, stop: tuple[str, ...]
    ) -> Completion:
        """Let the model go on writing."""
        sampling = self.settings.sampling
        request = Sampling(
            max_tokens=max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            stop=stop,
            seed=request_seed(self.settings.seed, self._case_id, self._path, index, stage),
        )
        return await self._request(prompt, request)

    async def next_token(self, prompt: str) -> Completion:
        """The most probable next token, with the log-probabilities around it."""
        return await self._request(prompt, Sampling(max_tokens=1, temperature=0.0, logprobs=VERDICT_LOGPROBS))

    async def _request(self, prompt: str, sampling: Sampling) -> Completion:
        (completion,) = await self._engine.complete(prompt, sampling)
        self.prompt_tokens += max(0, completion.prompt_tokens - self._context)
        self._context = completion.prompt_tokens + completion.tokens
        met = {token for top in completion.top_logprobs for token in top if verdict_word(token)}
        self.spellings |= met
        self._verifier.note_spellings(met)
        return completion

    async def run(self, code: str) -> tuple[str, str]:
        """Run a block in this path's interpreter: (status, output)."""
        if self._session is None:
            assert self._sandbox is not None
            self._session = self._sandbox.session()
        execution = await self._session.run(code)
        return execution.status, execution.output

    async def close(self) -> None:
        """Close the interpreter, if one was opened."""
        if self._session is not None:
            await self._session.close()


class _Budget:
    """Tokens of one step: what the model wrote and what was put between, e.g. code output.

    What was put in is counted exactly from the prompt of the next request on; until then it is charged at the
    tokens per character that the model's own text has had in this step.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._start: int | None = None
        self._end = 0
        self._written = 0
        self._written_chars = 0
        self._unseen_chars = 0

    def left(self) -> int:
        """Tokens that may still be written; zero or less when the step has used them up."""
        used = max(self._written, self._end - (self._start or 0))
        rate = self._written / self._written_chars if self._written_chars else 0.0
        return self._limit - used - math.ceil(self._unseen_chars * rate)

    def put_in(self, text: str) -> None:
        """Charge text that the model did not write."""
        self._unseen_chars += len(text)

    def wrote(self, completion: Completion) -> None:
        """Charge a completion, and exactly what was put in before it."""
        if self._start is None:
            self._start = completion.prompt_tokens
        self._end = completion.prompt_tokens + completion.tokens
        # At least one, so that an engine that makes no headway cannot keep a step going for ever.
        self._written += max(1, completion.tokens)
        self._written_chars += len(completion.text)
        self._unseen_chars = 0


class _Turn:
    """One assistant turn while it is being written."""

    def __init__(self, path: _Path, messages: Sequence[Message], index: int) -> None:
        form = path.settings.format
        if path.mode in _WITH_ANALYSIS:
            self._text = analyze_prefill(form, index + 1)
        else:
            self._text = verify_prefill(form) if path.mode in _WITH_CODE else VERDICT_LEAD
        self._path = path
        self._index = index
        self._prompt = path.prompt(messages, self._text)
        self._budget = _Budget(path.settings.sampling.max_tokens)
        self._analysis = ""
        self._requests = 0
        self._tokens = 0
        self._executions: list[str] = []

    async def judge(self) -> StepVerification:
        """Write the turn up to its verdict and read that; where there is none, ask for it once and stop."""
        reward, verdict = await self._read() if await self._write() else _NO_VERDICT
        fallback = self._analysis + VERDICT_LEAD
        forced = verdict == "none" and self._text != fallback
        if forced:
            self._text = fallback
            reward, verdict = await self._read()
        self._text += ("" if verdict == "none" else verdict) + VERDICT_TAIL
        parsed = parse_turn(self._text)
        return StepVerification(
            text=self._text,
            analysis=parsed.analysis,
            code=parsed.code,
            output=parsed.output,
            reward=reward,
            verdict=verdict,
            forced=forced,
            executions=self._executions,
            tokens=self._tokens,
        )

    async def _write(self) -> bool:
        """Whether the text has come to where the verdict is due."""
        mode = self._path.mode
        try:
            if mode in _WITH_ANALYSIS and not await self._analyse():
                return False
            if mode not in _WITH_CODE:
                self._text = self._analysis + VERDICT_LEAD
                return True
            if mode in _WITH_ANALYSIS:
                self._put_in(verify_prefill(self._path.settings.format))
            return await self._verify()
        except ContextFull:
            return False

    async def _analyse(self) -> bool:
        await self._continue((ANALYZE_CLOSE,))
        closed = ANALYZE_CLOSE in self._text
        self._text = self._analysis = closed_analysis(self._text)
        return closed

    async def _verify(self) -> bool:
        executed = self._path.mode in EXECUTED
        stops = (VERDICT_LEAD, OUTPUT_CLOSE, CODE_CLOSE) if executed else (VERDICT_LEAD, OUTPUT_CLOSE)
        while self._budget.left() > 0:
            completion = await self._continue(stops)
            if completion.stop != CODE_CLOSE:
                return self._cut_at_verdict()
            code = pending_code(self._text)
            if code is None:  # the end of some other fence
                continue
            if len(self._executions) == self._path.settings.rounds:
                return False
            status, output = await self._path.run(code)
            self._executions.append(status)
            self._put_in(output_block(output))
        return False

    async def _continue(self, stop: tuple[str, ...]) -> Completion:
        stage = f"part {self._requests}"
        completion = await self._path.complete(
            self._prompt + self._text, self._index, stage, self._budget.left(), stop
        )
        self._requests += 1
        self._tokens += completion.tokens
        self._text += completion.text
        self._budget.wrote(completion)
        return completion

    def _put_in(self, text: str) -> None:
        self._text += text
        self._budget.put_in(text)

    def _cut_at_verdict(self) -> bool:
        at = verdict_start(self._text)
        self._text = self._text[:at]
        return at is not None

    async def _read(self) -> tuple[float, Verdict]:
        try:
            completion = await self._path.next_token(self._prompt + self._text)
        except ContextFull:
            return _NO_VERDICT
        self._tokens += completion.tokens
        return read_reward(completion.top_logprobs[0] if completion.top_logprobs else {})
