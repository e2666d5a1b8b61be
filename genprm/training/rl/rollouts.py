"""Verifications to learn from: by the verifier's own loop, with code run by the sandbox, up to the first No."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from genprm.engines.base import Engine, EngineError
from genprm.engines.encoding import PromptEncoder
from genprm.event_loops import Places, together
from genprm.modes import Mode
from genprm.records import StepVerification
from genprm.sandbox.base import Sandbox
from genprm.seeds import derived_seed
from genprm.settings import SamplingSettings, VerifierSettings
from genprm.training.rl.episodes import Episode, LabelledCase
from genprm.training.rl.recording import RecordingEngine, Segment, TokenSequence, token_sequence
from genprm.verification.conversation import VERDICT_LEAD, conversation_messages, turn_prefill, verdict_of
from genprm.verification.verifier import Verifier


@dataclass(frozen=True, slots=True)
class Rollout:
    """An episode, and its conversation as tokens."""

    episode: Episode
    sequence: TokenSequence


def exploring(verifier: VerifierSettings, temperature: float) -> VerifierSettings:
    """The verifier's settings with all tokens drawn from the whole distribution at `temperature`: only then is the
    gradient that of the distribution which was drawn from."""
    sampling = SamplingSettings(temperature=temperature, max_tokens=verifier.sampling.max_tokens)
    return verifier.model_copy(update={"sampling": sampling})


class RolloutSampler:
    """Verifies solutions with one model, as `Verifier` does, `live_paths` at a time."""

    def __init__(
        self,
        engine: Engine,
        sandbox: Sandbox | None,
        encoder: PromptEncoder,
        verifier: VerifierSettings,
        mode: Mode,
        live_paths: int,
    ) -> None:
        self._engine = engine
        self._sandbox = sandbox
        self._encoder = encoder
        self._verifier = verifier
        self._mode = mode
        self._places = Places(live_paths)

    async def fitting(self, cases: Iterable[LabelledCase], context: int) -> list[LabelledCase]:
        """The cases whose first step leaves room to judge it in a context of so many tokens."""
        verifier = Verifier(self._engine, self._sandbox, self._verifier)
        form = self._verifier.format
        kept = []
        for case in cases:
            messages = conversation_messages(form, case.problem, case.steps[:1], [], self._mode)
            async with verifier.start(case.id, case.problem, self._mode) as path:
                prompt = path.prompt(messages, VERDICT_LEAD) + turn_prefill(form, self._mode, 1)
            if len(self._encoder.encode(prompt)) < context:
                kept.append(case)
        return kept

    async def sample(self, wanted: Iterable[tuple[LabelledCase, int]]) -> list[Rollout]:
        """Verifications in the order asked for; a case and a number decide what is drawn.

        Raises:
            EngineError: as raised by the engine, or a case does not fit (`fitting`).
            SandboxError: as raised by the sandbox.
        """
        return await together(self._verify(case, number) for case, number in wanted)

    async def _verify(self, case: LabelledCase, number: int) -> Rollout:
        settings = self._verifier
        seed = derived_seed(settings.seed, case.id, number, "verdicts")
        engine = RecordingEngine(self._engine, settings.sampling.temperature, seed)
        verifier = Verifier(engine, self._sandbox, settings)
        judged: list[StepVerification] = []
        async with self._places.here(), verifier.start(case.id, case.problem, self._mode, number) as path:
            for place, step in enumerate(case.steps):
                engine.step = place
                before = len(engine.segments)
                judged.append(await path.judge(step))
                if judged[-1].forced:
                    _take_back_verdict(engine.segments, before)
                if judged[-1].verdict != "Yes" or judged[-1].forced:
                    break
        segments = engine.segments
        if not segments:
            raise EngineError(f"case {case.id!r}: its first step leaves no room in the context for a judgement")
        return Rollout(_episode(case, judged, segments), token_sequence(self._encoder, segments))


def _take_back_verdict(segments: list[Segment], before: int) -> None:
    """Remove the verdict that the last step was forced to: the conversation ends where the verifier left it."""
    if len(segments) > before and segments[-1].is_verdict:
        segments.pop()


def _episode(case: LabelledCase, judged: list[StepVerification], segments: list[Segment]) -> Episode:
    return Episode(
        label=case.label,
        steps=len(case.steps),
        verdicts=tuple("none" if step.forced else verdict_of(step.text) for step in judged),
        tokens=sum(segment.tokens for segment in segments),
        executions=tuple(status for step in judged for status in step.executions),
    )
