"""Verifications to learn from: what is drawn, where they end, and which tokens the model wrote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from genprm.engines import resolve_model
from genprm.engines.base import Completion, ContextFull, Engine, EngineError, Sampling
from genprm.engines.encoding import PromptEncoder, encoder_of
from genprm.engines.loading import load_tokenizer
from genprm.engines.prompts import Prompt
from genprm.engines.wrapped import WrappedEngine
from genprm.modes import Mode
from genprm.settings import VerifierSettings
from genprm.training.rl.episodes import LabelledCase
from genprm.training.rl.recording import Segment, token_sequence
from genprm.training.rl.rollouts import Rollout, RolloutSampler, exploring
from genprm.verification.conversation import VERDICT_LEAD
from tests.genprm.scripted_engine import ScriptedEngine
from tests.genprm.scripted_judge import EchoSandbox, judge_engine, reply, verdict

SHORT = LabelledCase("s", "What is 3 + 4?", ["3 + 4 = 7"], label=-1)
CASE = LabelledCase("c", "What is 3 + 4 - 2?", ["3 + 4 = 7", "7 - 2 = 6, wrong", "The answer is 6."], label=1)


@pytest.fixture
def encoder(tokenizer: Any) -> PromptEncoder:
    return encoder_of(tokenizer)


def sampler(engine: ScriptedEngine, encoder: PromptEncoder, temperature: float = 1.0) -> RolloutSampler:
    settings = exploring(VerifierSettings(), temperature)
    return RolloutSampler(engine, EchoSandbox(), encoder, settings, Mode.FULL, live_paths=8)


def parts(tokenizer: Any, rollout: Rollout) -> Iterator[tuple[bool, str]]:
    """The conversation as pieces that the model wrote, or did not write."""
    ids, written = rollout.sequence.ids, rollout.sequence.written
    begin = 0
    for end in range(1, len(ids) + 1):
        if end == len(ids) or written[end] != written[begin]:
            yield written[begin], tokenizer.decode(ids[begin:end])
            begin = end


async def test_the_model_wrote_its_analysis_its_code_and_its_verdict_and_nothing_else(
    tokenizer: Any, encoder: PromptEncoder
) -> None:
    engine = judge_engine()
    (rollout,) = await sampler(engine, encoder).sample([(CASE, 0)])
    written = "".join(text for by_model, text in parts(tokenizer, rollout) if by_model)
    turns = len(rollout.episode.verdicts)
    turn = "Looks so.\n</analyze>print(1)\n```\n</verify>\n<output>\n**Judgement**: $\\boxed{"
    assert written == "".join(turn + word for word in rollout.episode.verdicts)
    whole = tokenizer.decode(rollout.sequence.ids)
    assert whole.count("[Code Output]\n\n```\n8\n```\n") == turns, "the output is there, and read"
    assert "[Code Output]" not in written
    assert "8" not in written


async def test_a_verification_ends_at_its_first_no(encoder: PromptEncoder) -> None:
    for rollout in await sampler(judge_engine(), encoder).sample([(CASE, number) for number in range(30)]):
        *before, last = rollout.episode.verdicts
        assert set(before) <= {"Yes"}
        assert last == "No" or len(before) + 1 == len(CASE.steps)


async def test_verdicts_are_drawn_with_the_probability_that_the_model_gives_them(encoder: PromptEncoder) -> None:
    wanted = [(SHORT, number) for number in range(200)]
    rollouts = await sampler(judge_engine(), encoder).sample(wanted)
    first = [rollout.episode.verdicts[0] for rollout in rollouts]
    # The script gives Yes 8 of 9 parts: 178 of 200, with a standard deviation of 4.4.
    assert 178 - 18 <= first.count("Yes") <= 178 + 18
    again = await sampler(judge_engine(), encoder).sample(wanted)
    assert [rollout.episode for rollout in again] == [rollout.episode for rollout in rollouts]


async def test_a_high_temperature_tries_both_verdicts(encoder: PromptEncoder) -> None:
    rollouts = await sampler(judge_engine(), encoder, temperature=5.0).sample([(SHORT, n) for n in range(200)])
    share = sum(rollout.episode.verdicts[0] == "Yes" for rollout in rollouts) / 200
    assert abs(share - 8**0.2 / (8**0.2 + 1)) < 0.1


async def test_a_verdict_that_is_forced_ends_the_verification_and_is_not_the_model_s(
    tokenizer: Any, encoder: PromptEncoder
) -> None:
    """The model writes code for ever; the verifier takes it back to its analysis and asks for a word."""

    def rambles(prompt: str) -> str:
        if prompt.endswith("```\n"):
            return "```python\nprint(2)\n```\n"
        return "print(2)\n```\n" if prompt.endswith("```python\n") else reply(prompt)

    (rollout,) = await sampler(ScriptedEngine(rambles, verdict), encoder).sample([(CASE, 0)])
    assert rollout.episode.verdicts == ("none",)
    assert rollout.episode.prediction is None
    whole = tokenizer.decode(rollout.sequence.ids)
    assert whole.count("print(2)") == 4, "what it wrote is there, with three outputs"
    assert whole.count("[Code Output]") == 3
    assert "boxed" not in whole.rpartition("[Code Output]")[2]


class BoundedEngine(WrappedEngine):
    """Has a context of so many tokens, as an encoder counts them."""

    def __init__(self, engine: Engine, encoder: PromptEncoder, context: int) -> None:
        super().__init__(engine)
        self._encoder = encoder
        self.context = context
        self.first = 0
        """Tokens of the first prompt."""

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        tokens = len(self._encoder.encode(prompt))
        self.first = self.first or tokens
        if tokens >= self.context:
            raise ContextFull(f"{tokens} tokens")
        return await super().complete(prompt, sampling, n)


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.ADAPTIVE])
async def test_the_cases_that_fit_are_those_that_can_be_judged(encoder: PromptEncoder, mode: Mode) -> None:
    settings = exploring(VerifierSettings(), 1.0)

    def judging(context: int) -> tuple[BoundedEngine, RolloutSampler]:
        engine = BoundedEngine(judge_engine(), encoder, context)
        return engine, RolloutSampler(engine, EchoSandbox(), encoder, settings, mode, live_paths=8)

    large, judge = judging(10000)
    await judge.sample([(CASE, 0)])
    needed = large.first
    _, judge = judging(needed + 1)
    assert await judge.fitting([CASE, SHORT], needed + 1) == [CASE, SHORT]
    await judge.sample([(CASE, 0)])
    _, judge = judging(needed)
    assert await judge.fitting([CASE, SHORT], needed) == [SHORT], "its problem is shorter"
    with pytest.raises(EngineError, match="no room"):
        await judge.sample([(CASE, 0)])


async def test_a_case_without_room_is_named(encoder: PromptEncoder) -> None:
    engine = ScriptedEngine(reply, verdict, max_context=3)
    with pytest.raises(EngineError, match=r"case 'c': its first step leaves no room"):
        await sampler(engine, encoder).sample([(CASE, 0)])


def test_the_token_that_a_closing_tag_ends_in_is_the_model_s_also_where_it_holds_the_newline_behind() -> None:
    """As in the miniature, whose tokenizer has `</analyze>` and the newline in one token."""
    encoder = encoder_of(load_tokenizer(resolve_model("miniature/rationale")))
    begun, closing = Prompt("<analyze>\n"), "So 16.\n</analyze>"
    verdict = Segment(begun + closing + "\n" + VERDICT_LEAD, "Yes", 1, is_verdict=True)
    sequence = token_sequence(encoder, [Segment(begun, closing, 5), verdict])
    ids, spans = encoder.encode_at(verdict.prompt + verdict.text)
    assert sequence.ids == ids
    text = str(verdict.prompt + verdict.text)
    written = [text[begin:end] for (begin, end), one in zip(spans, sequence.written, strict=True) if one]
    assert "".join(written) == closing + "\n" + "Yes"
    assert written[-2] == "</analyze>\n"
