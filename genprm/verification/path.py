"""One verification path while it is being judged, turn by turn (paper 4.2 and 4.3).

A conversation only ever grows, so the prompt of a request begins with the prompt and the reply of the one before it
and the engine's prefix cache serves it. Two kinds of request go back to the end of the analysis, or before it: a
forced verdict, and in adaptive mode the text that follows a verdict that is not sure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from genprm.engines.base import Completion, ContextFull, Engine, EngineError, Sampling
from genprm.engines.chat import before_turn
from genprm.engines.prompts import begun_twice
from genprm.modes import Mode
from genprm.records import Message, StepVerification, Verification
from genprm.sandbox.base import Execution, Sandbox, SandboxError
from genprm.seeds import derived_seed
from genprm.settings import VerifierSettings
from genprm.steps import sampling_of
from genprm.verification.conversation import (
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
from genprm.verification.interpreter import Interpreter, released_output
from genprm.verification.judged_step import JudgedStep
from genprm.verification.repetition import loop_end
from genprm.verification.rewards import NO_VERDICT, VERDICT_LOGPROBS, is_decided, read_reward, verdict_word

PIECE = 256
"""Tokens of an analysis per request, where the analysis is checked for repeats."""


class Means(Protocol):
    """What a path judges with; a `Verifier` is one."""

    engine: Engine
    sandbox: Sandbox | None
    settings: VerifierSettings

    def note_spellings(self, tokens: Iterable[str]) -> None:
        """Tokens that stood for Yes or No where a verdict was due."""


class VerificationPath:
    """One conversation in which a solution is judged, step by step, as far as the caller likes.

    `judge` judges the next step, `fork` gives another path that goes on from here: a search judges each step once,
    however many solutions begin with it. A judgement depends on the problem and the steps, on mode, case and number
    of the path, and on nothing else: a fork judges like a path that was given all steps from the start.

    `prompt_tokens` counts, once each, the tokens of the conversation that the model did not write, as a prefix
    cache would. The few put in after going back (for a forced verdict, or past a verdict that adaptive mode put
    aside) may be left out. A fork starts with the count of its origin.
    """

    def __init__(self, means: Means, case_id: str, problem: str, mode: Mode, path: int) -> None:
        self.settings = means.settings
        self.mode = mode
        self.judged: list[StepVerification] = []
        """The steps judged so far."""
        self.prompt_tokens = 0
        self._means = means
        self._case_id = case_id
        self._problem = problem
        self._path = path
        self._steps: list[str] = []
        self._spellings: set[str] = set()
        # Tokens read or written when the last request ended.
        self._context = 0
        self._interpreter = Interpreter(means.sandbox)

    @property
    def rewards(self) -> list[float]:
        """Reward per judged step, each in [0, 1]."""
        return [step.reward for step in self.judged]

    async def judge(self, step: str) -> StepVerification:
        """Judge the next step of the solution. One step at a time: wait for it before the next `judge` or `fork`.

        Raises:
            EngineError, SandboxError: as raised by engine and sandbox, with case, path and step named.
        """
        index = len(self.judged)
        where = f"case {self._case_id!r}, path {self._path}, step {index}"
        steps, turns = [*self._steps, step], [one.text for one in self.judged]
        messages = conversation_messages(self.settings.format, self._problem, steps, turns, self.mode)
        try:
            verification = await _Turn(self, messages, index).judge()
        except EngineError as error:
            raise EngineError(f"{where}: {error}") from error
        except SandboxError as error:
            raise SandboxError(f"{where}: {error}") from error
        finally:
            self._means.note_spellings(self._spellings)
        self._steps.append(step)
        self.judged.append(verification)
        return verification

    def last_judged(self) -> JudgedStep:
        """The step that was judged last.

        Raises:
            IndexError: none was.
        """
        return JudgedStep(
            step=self._steps[-1],
            verification=self.judged[-1],
            prompt_tokens=self.prompt_tokens,
            context=self._context,
            spellings=sorted(self._spellings),
            blocks=self._interpreter.blocks,
        )

    def take(self, judged: JudgedStep) -> None:
        """Go on after a step that another path judged from the same state."""
        self._steps.append(judged.step)
        self.judged.append(judged.verification)
        self.prompt_tokens, self._context = judged.prompt_tokens, judged.context
        self._spellings = set(judged.spellings)
        self._interpreter.take(judged.blocks)
        self._means.note_spellings(self._spellings)

    def fork(self) -> VerificationPath:
        """Another path with the same steps judged, which goes on independently."""
        other = VerificationPath(self._means, self._case_id, self._problem, self.mode, self._path)
        other.judged, other._steps = list(self.judged), list(self._steps)
        other.prompt_tokens, other._context = self.prompt_tokens, self._context
        other._spellings = set(self._spellings)
        other._interpreter = self._interpreter.fork()
        return other

    def verification(self) -> Verification:
        """The steps judged so far, as a record."""
        return Verification(
            id=self._case_id,
            path=self._path,
            mode=self.mode.value,
            steps=list(self.judged),
            prompt_tokens=self.prompt_tokens,
            tokens=sum(step.tokens for step in self.judged),
            provenance=self._means.engine.provenance,
            spellings=sorted(self._spellings),
        )

    async def close(self) -> None:
        """Close the interpreter, if one was opened."""
        await self._interpreter.close()

    async def __aenter__(self) -> VerificationPath:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.close()

    def prompt(self, messages: Sequence[Message], opening: str) -> str:
        """The conversation up to the assistant turn that is to begin with `opening`."""
        form, engine = self.settings.format, self._means.engine
        begun = before_turn(engine, messages, opening) if form.assistant_header else engine.render(messages)
        return begun_twice(begun) if form.second_bos else begun

    async def complete(
        self, prompt: str, index: int, stage: str, max_tokens: int, stop: tuple[str, ...]
    ) -> Completion:
        """Let the model go on writing."""
        seed = derived_seed(self.settings.seed, self._case_id, self._path, index, stage)
        sampling = sampling_of(self.settings.sampling, seed)
        return await self._request(prompt, replace(sampling, max_tokens=max_tokens, stop=stop))

    async def next_token(self, prompt: str) -> Completion:
        """The most probable next token, with the log-probabilities around it."""
        return await self._request(prompt, Sampling(max_tokens=1, temperature=0.0, logprobs=VERDICT_LOGPROBS))

    async def _request(self, prompt: str, sampling: Sampling) -> Completion:
        (completion,) = await self._means.engine.complete(prompt, sampling)
        self.prompt_tokens += max(0, completion.prompt_tokens - self._context)
        self._context = completion.prompt_tokens + completion.tokens
        self._spellings |= {token for top in completion.top_logprobs for token in top if verdict_word(token)}
        return completion

    async def run(self, code: str) -> Execution:
        """Run a block in this path's interpreter."""
        return await self._interpreter.run(code)


class _Budget:
    """Tokens of one step: what the model wrote and what was put in between, e.g. code output.

    Text that was put in is counted exactly from the prompt of the next request on. Until then it is charged at the
    tokens per character of the model's own text in this step.
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
        """Charge a completion, and now exactly the text that was put in before it."""
        if self._start is None:
            self._start = completion.prompt_tokens
        self._end = completion.prompt_tokens + completion.tokens
        # At least one, so that an engine that makes no headway cannot keep a step going for ever.
        self._written += max(1, completion.tokens)
        self._written_chars += len(completion.text)
        self._unseen_chars = 0


class _Turn:
    """One assistant turn while it is being written."""

    def __init__(self, path: VerificationPath, messages: Sequence[Message], index: int) -> None:
        self._text = VERDICT_LEAD
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
        if self._path.mode is Mode.ADAPTIVE:
            reward, verdict = await self.judge_adaptively()
        else:
            reward, verdict = await self.read_verdict() if await self.write_turn() else NO_VERDICT
        fallback = self._analysis + VERDICT_LEAD
        forced = verdict == "none" and self._text != fallback
        if forced:
            self._text = fallback
            reward, verdict = await self.read_verdict()
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

    async def judge_adaptively(self) -> tuple[float, Verdict]:
        """Ask for the verdict directly, then after an analysis, then after code. Return the first that is sure, or
        else the last.

        The text written for one verdict stays for the next, so that a step costs at most as much as in full mode,
        plus the verdicts on the way.
        """
        tau = self._path.settings.tau
        reward, verdict = await self.read_verdict()
        if not is_decided(reward, tau):
            reward, verdict = await self.read_verdict() if await self.write_analysis() else NO_VERDICT
        if not is_decided(reward, tau):
            reward, verdict = await self.read_verdict() if await self.write_code() else NO_VERDICT
        return reward, verdict

    async def write_turn(self) -> bool:
        """Write analysis and code, as the mode has them. Return whether the text ends where the verdict is due."""
        mode = self._path.mode
        if mode.analysis and not await self.write_analysis():
            return False
        return not mode.code or await self.write_code()

    async def write_analysis(self) -> bool:
        """Write the analysis. Return whether the model closed it."""
        self._text = analyze_prefill(self._path.settings.format, self._index + 1)
        at_line = self._path.settings.format.analysis_ends == "at line"
        try:
            await self._continue_to((ANALYZE_CLOSE + "\n" if at_line else ANALYZE_CLOSE,))
        except ContextFull:
            return False
        closed = ANALYZE_CLOSE in self._text
        self._text = self._analysis = closed_analysis(self._text)
        if closed:
            self._text += VERDICT_LEAD
        return closed

    async def write_code(self) -> bool:
        """Write and run code after the analysis. Return whether the text ends where the verdict is due."""
        self._text = self._analysis
        self._put_in(verify_prefill(self._path.settings.format))
        try:
            return await self._write_blocks()
        except ContextFull:
            return False

    async def _write_blocks(self) -> bool:
        executed = self._path.mode.runs
        stops = (VERDICT_LEAD, OUTPUT_CLOSE, CODE_CLOSE) if executed else (VERDICT_LEAD, OUTPUT_CLOSE)
        generations = 0
        while self._budget.left() > 0 and not self._ran_out(generations):
            completion = await self._continue(stops)
            generations += 1
            pending = pending_code(self._text, len(self._executions)) if executed else None
            if pending is None:
                if completion.stop == CODE_CLOSE:  # the end of some other fence
                    continue
                return self._cut_at_verdict()
            if self._path.settings.rounds_of == "blocks" and len(self._executions) == self._path.settings.rounds:
                return False
            code, end = pending
            execution = await self._path.run(code)
            self._executions.append(execution.status)
            released = self._path.settings.format.output == "released"
            output = released_output(execution) if released else execution.output
            self._text = self._text[:end]
            self._put_in(("" if self._text.endswith("\n") else "\n") + output_block(output))
        return False

    def _ran_out(self, generations: int) -> bool:
        settings = self._path.settings
        return settings.rounds_of == "generations" and generations >= settings.rounds

    async def _continue_to(self, stop: tuple[str, ...]) -> None:
        """Write on to a stop string; with `settings.repeats`, stop at a passage that repeats itself as well."""
        repeats = self._path.settings.repeats
        if repeats is None:
            await self._continue(stop)
            return
        while self._budget.left() > 0:
            completion = await self._continue(stop, PIECE)
            end = loop_end(self._text, repeats)
            if end is not None:
                self._text = self._text[:end]
            if end is not None or any(one in self._text for one in stop) or completion.tokens < PIECE:
                return
            # A piece may end within a character of several tokens, which is then written anew.
            self._text = self._text.rstrip("\ufffd")

    async def _continue(self, stop: tuple[str, ...], most: int | None = None) -> Completion:
        stage = f"part {self._requests}"
        tokens = self._budget.left() if most is None else min(most, self._budget.left())
        completion = await self._path.complete(self._prompt + self._text, self._index, stage, tokens, stop)
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

    async def read_verdict(self) -> tuple[float, Verdict]:
        """Reward and verdict at the end of the text."""
        try:
            completion = await self._path.next_token(self._prompt + self._text)
        except ContextFull:
            return NO_VERDICT
        self._tokens += completion.tokens
        return read_reward(completion.top_logprobs[0] if completion.top_logprobs else {})
