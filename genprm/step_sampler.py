"""One more step of a solution that is still being written, as searches ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from genprm.engines.base import Completion, Engine
from genprm.journaled_sampler import PolicySettings
from genprm.seeds import derived_seed
from genprm.steps import NUMBERED, StepFormat, prompt_messages, sampling_of, step_prefill


@dataclass(frozen=True, slots=True)
class SampledStep:
    """A sampled step. `text` begins with its header.

    `ended` says that the model ended the solution with it, so that it states the final answer if any step does; a
    step that is `truncated` ran out of tokens. `tokens` were generated, the header of a next step among them;
    `prompt_tokens` are those of the prompt, which all samples of a request share.
    """

    text: str
    ended: bool
    truncated: bool
    tokens: int
    prompt_tokens: int


class StepSampler:
    """Samples the next step of solutions with one policy; a step ends before the header of the one after it."""

    def __init__(self, engine: Engine, settings: PolicySettings, format: StepFormat = NUMBERED) -> None:
        self._engine = engine
        self._settings = settings
        self._format = format

    async def next_step(self, problem: str, steps: Sequence[str], n: int, seed: int) -> list[SampledStep]:
        """`n` samples of the step that follows `steps` (none for the first).

        The samples depend on `seed`, the problem and the steps, so that one seed serves a whole search.
        `max_tokens` of the settings bounds each step.

        Raises:
            EngineError: as raised by the engine; ContextFull where the steps leave no room.
        """
        settings = self._settings
        messages = prompt_messages(settings.system, settings.prompt, problem)
        number = len(steps) + 1
        stop = f"\n{self._format.header(number + 1)}"
        sampling = sampling_of(settings.sampling, derived_seed(seed, problem, *steps))
        prompt = self._engine.render(messages, prefill=step_prefill(self._format, steps))
        completions = await self._engine.complete(prompt, replace(sampling, stop=(stop,)), n)
        return [_read_step(self._format.header(number), completion, stop) for completion in completions]


def _read_step(header: str, completion: Completion, stop: str) -> SampledStep:
    text = completion.text.removesuffix(stop) if completion.stop == stop else completion.text
    return SampledStep(
        text=(header + text).strip(),
        ended=completion.finish_reason == "stop" and completion.stop is None,
        truncated=completion.finish_reason == "length",
        tokens=completion.tokens,
        prompt_tokens=completion.prompt_tokens,
    )
