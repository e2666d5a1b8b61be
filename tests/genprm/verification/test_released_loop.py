"""Both presets against the released loop itself: `GenPRM._single_inference` at commit cc80f47, written down anew.

The oracle below follows `src/prm_evaluation/genprm_inference.py` and `prm_evaluate.py`: which prompts are sent with
which stop strings, what is shown of a block, and when a verdict is forced. Only the sampled verdict is left out:
ours is read at the place where theirs begins to write it.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Sequence

import pytest

from genprm.records import Message
from genprm.sandbox.base import Execution, Session
from genprm.verification.published import DIRECT_SYSTEM, Preset, published_settings
from genprm.verification.verifier import Verifier
from tests.genprm.scripted_engine import ScriptedEngine

SYSTEM = "Check it."
PROBLEM, STEPS = "2 + 2?", ["It is 4.", "So 4."]
LEAD = "Let's analyze the Paragraph {} step by step: "
VERIFY = "<verify>\nLet's use python code to find any potential error:\n```python\n"
OUTPUT = "<output>\n**Judgement**: $\\boxed"
REQUESTS = 3
Model = Callable[[str], str]


class Executor:
    """`CodeExecutor`: one namespace for all blocks; printed text stripped, or the failure alone."""

    def __init__(self) -> None:
        self.names: dict[str, object] = {}

    def execute(self, text: str) -> str:
        block = re.findall(r"```python\s*(.*?)\s*```", text, re.DOTALL)[-1].strip()
        if "while True" in block:
            return "Code execute time out: Code execution timed out"
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(block, self.names)
        except Exception as error:
            return f"Code execute Error: {type(error).__name__}: {error}"
        return printed.getvalue().strip()


class Sandbox:
    """The same blocks as our sandbox reports them: all that was printed, then how it ended."""

    level = 2

    def session(self) -> Session:
        return PlainSession()

    def description(self) -> dict[str, object]:
        return {}

    async def close(self) -> None:
        return None


class PlainSession:
    def __init__(self) -> None:
        self.names: dict[str, object] = {}

    async def run(self, code: str) -> Execution:
        printed = io.StringIO()
        if "while True" in code:
            ending = "Code execute time out: 5 seconds"
            return Execution("timeout", f"on and on\n{ending}", 5.0, "kept", ending)
        try:
            with contextlib.redirect_stdout(printed):
                exec(code, self.names)
        except Exception as error:
            ending = f"Code execute Error: {type(error).__name__}: {error}"
            return Execution("error", printed.getvalue() + ending, 0.1, "kept", ending)
        return Execution("ok", printed.getvalue(), 0.1)

    async def close(self) -> None:
        return None


def until(text: str, stops: Sequence[str]) -> str:
    ends = [text.find(stop) + len(stop) for stop in stops if stop in text]
    return text[: min(ends)] if ends else text


def released(model: Model, before: str, number: int, code: Executor) -> tuple[list[str], str]:
    """The prompts of one step, and the turn that it leaves in the conversation."""
    prompts = []

    def generate(text: str, stops: Sequence[str]) -> str:
        prompts.append(before + text)
        return until(model(before + text), stops)

    start = f"<analyze>\n{LEAD.format(number)}"
    analysis = generate(start, ["</analyze>\n"])
    text = start + analysis + VERIFY
    for _ in range(REQUESTS):
        written = generate(text, ["\n```\n", "</output>\n"])
        text += written
        if written.endswith("</output>\n"):
            return prompts, text
        text += f"[Code Output]\n\n```\n{code.execute(text)}\n```\n"
    text = start + analysis.split("</analyze>")[0] + "</analyze>\n" + OUTPUT
    return prompts, text + generate(text, ["</output>\n"])


def conversation(preset: Preset, steps: Sequence[str], turns: Sequence[str]) -> str:
    """The messages of card and evaluation in the scripted engine's chat template."""
    first = f"Question: {PROBLEM}\n\n{steps[0]}" if preset is Preset.AS_CARD else f"{PROBLEM}\n{steps[0]}"
    messages = [Message("system", SYSTEM), Message("user", first)]
    for step, turn in zip(steps[1:], turns, strict=True):
        messages += [Message("assistant", turn), Message("user", step)]
    rendered = "".join(f"<|{one.role}|>\n{one.content}<|end|>\n" for one in messages)
    return rendered + ("<|assistant|>\n" if preset is Preset.AS_CARD else "")


YES = "</verify>\n<output>\n**Judgement**: $\\boxed{Yes}$\n</output>\n"


def model(analysis: str, blocks: Sequence[str]) -> Model:
    """Writes the analysis, then block after block, then the verdict."""

    def write(prompt: str) -> str:
        turn = prompt[prompt.rfind("<analyze>") :]
        if turn.endswith("step by step: "):
            return analysis
        if turn.endswith("\\boxed"):
            return "{Yes}$\n</output>\n"
        if turn.endswith("\\boxed{"):
            return "Yes"
        ran = turn.count("[Code Output]")
        if ran == len(blocks):
            return YES
        return ("" if ran == 0 else "Again:\n```python\n") + blocks[ran] + "\n```\n"

    return write


FINE = "Fine.\n</analyze>\n"


@pytest.mark.parametrize("preset", Preset)
@pytest.mark.parametrize(
    ("analysis", "blocks"),
    [
        pytest.param(FINE, ["print(4)"], id="one block"),
        pytest.param(FINE, ["x = 1", "print(x + 3)"], id="two blocks"),
        pytest.param(FINE, ["x = 1", "x = 2", "x = 3\nprint(x)"], id="a third block is run and thrown away"),
        pytest.param(FINE, ["x = 1"] * 9, id="blocks without end"),
        pytest.param(FINE, ["print('\\n  4  \\n\\n')"], id="blanks around what is printed"),
        pytest.param(FINE, ["print(4)\n1 / 0", "print(5)"], id="an error hides what was printed"),
        pytest.param(FINE, ["while True: pass"], id="out of time"),
        pytest.param("The tag </analyze> ends it.\n</analyze>\n", ["print(4)"], id="a tag within a line"),
    ],
)
async def test_prompts_and_turns_are_those_of_the_released_loop(
    preset: Preset, analysis: str, blocks: list[str]
) -> None:
    written = model(analysis, blocks)
    engine = ScriptedEngine(written)
    settings = published_settings("GenPRM/GenPRM-7B", SYSTEM, preset)
    verification = await Verifier(engine, Sandbox(), settings).verify("c", PROBLEM, STEPS, "full")

    code = Executor()
    turns: list[str] = []
    theirs: list[str] = []
    for number, _ in enumerate(STEPS, start=1):
        before = conversation(preset, STEPS[:number], turns)
        prompts, turn = released(written, before, number, code)
        theirs += [prompt + "{" if prompt.endswith("\\boxed") else prompt for prompt in prompts]
        turns.append(turn)
    assert [step.text for step in verification.steps] == turns
    ours = [prompt for prompt, sampling in engine.requests if not sampling.logprobs or prompt in theirs]
    assert ours == theirs


async def test_a_thrown_away_block_has_set_its_names() -> None:
    """The released executor keeps one namespace for the conversation, and so does the path."""
    blocks = ["x = 1", "x = 2", "x = 3"]

    def write(prompt: str) -> str:
        second = "Paragraph 2" in prompt
        return model(FINE, ["print(x)"] if second else blocks)(prompt)

    settings = published_settings("GenPRM/GenPRM-7B", SYSTEM)
    verification = await Verifier(ScriptedEngine(write), Sandbox(), settings).verify("c", PROBLEM, STEPS, "full")
    first, second = verification.steps
    assert (first.forced, first.executions) == (True, ["ok"] * 3)
    assert (second.forced, second.output) == (False, "3")


async def test_direct_mode_has_the_system_message_of_the_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    import genprm.verification.published

    monkeypatch.setattr(genprm.verification.published, "data_set_system", lambda directory: SYSTEM)
    engine = ScriptedEngine(lambda prompt: "Yes")
    settings = published_settings("GenPRM/GenPRM-7B", preset=Preset.AS_EVALUATED)
    await Verifier(engine, None, settings).verify("c", PROBLEM, STEPS[:1], "direct")
    assert [prompt for prompt, _ in engine.requests] == [
        f"<|system|>\n{DIRECT_SYSTEM}<|end|>\n<|user|>\n{PROBLEM}\n{STEPS[0]}<|end|>\n"
        "<output>\n**Judgement**: $\\boxed{"
    ]
