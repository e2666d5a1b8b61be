"""The analyse / verify / execute / judge loop, driven by a scripted model and a scripted interpreter."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Callable, Mapping, Sequence

import pytest

from genprm.engines.base import EngineError
from genprm.modes import Mode
from genprm.sandbox.base import Execution, SandboxError, Session, Status
from genprm.seeds import derived_seed
from genprm.settings import SamplingSettings, TurnFormat, VerifierSettings
from genprm.verification.rewards import first_error, rewards
from genprm.verification.verifier import GoOn, Verifier, every_step
from tests.genprm.scripted_engine import ScriptedEngine, count_tokens

STEPS = ["Step 1: 3 + 4 = 7", "Step 2: 7 - 2 = 6", "Step 3: The answer is \\boxed{6}."]
VERDICT_DUE = "<output>\n**Judgement**: $\\boxed{"
FENCE = "```python\n"
ANALYSIS = "It adds up.\n</analyze>\n<verify>\n"
CODE = "print(3 + 4)\n```\n[Code Output]\n\n```\n8\n```\n"
END = "</verify>\n<output>\n**Judgement**: $\\boxed{Yes}$\n</output>\n"
FULL_TURN = (
    "<analyze>\nLet's analyze the Paragraph 1 step by step: It adds up.\n</analyze>\n"
    "<verify>\nLet's use python code to find any potential error:\n"
    "```python\nprint(3 + 4)\n```\n[Code Output]\n\n```\n7\n```\n</verify>\n"
    "<output>\n**Judgement**: $\\boxed{Yes}$\n</output>\n"
)


class FakeSession:
    """Remembers what it ran, and what others ran is none of its business."""

    def __init__(self, output: str, status: Status) -> None:
        self.ran: list[str] = []
        self.closed = False
        self._output, self._status = output, status

    async def run(self, code: str) -> Execution:
        assert not self.closed
        self.ran.append(code)
        return Execution(self._status, self._output, seconds=0.0)

    async def close(self) -> None:
        self.closed = True


class FakeSandbox:
    level = 0

    def __init__(self, output: str = "7\n", status: Status = "ok") -> None:
        self.sessions: list[FakeSession] = []
        self._output, self._status = output, status

    def session(self) -> Session:
        self.sessions.append(FakeSession(self._output, self._status))
        return self.sessions[-1]

    def description(self) -> dict[str, object]:
        return {}

    async def close(self) -> None:
        return None


def script(
    analysis: str = ANALYSIS, code: str = CODE, after_code: str = END, verdict: str = "Yes"
) -> Callable[[str], str]:
    """A model that writes each part of a turn when its turn has come."""

    def reply(prompt: str) -> str:
        if prompt.endswith(VERDICT_DUE):
            return verdict
        if prompt.endswith("step by step: "):
            return analysis
        return code if prompt.endswith(FENCE) else after_code

    return reply


def settings(max_tokens: int = 2048, rounds: int = 3, seed: int = 0) -> VerifierSettings:
    return VerifierSettings(
        sampling=SamplingSettings(temperature=0.6, top_p=0.95, top_k=20, max_tokens=max_tokens),
        rounds=rounds,
        seed=seed,
    )


def yes_no(yes: float, no: float) -> dict[str, float]:
    return {"Yes": math.log(yes), "No": math.log(no), "Maybe": math.log(1e-4)}


async def test_a_step_is_analysed_checked_by_code_and_judged() -> None:
    engine = ScriptedEngine(script(), lambda prompt: yes_no(0.6, 0.2))
    sandbox = FakeSandbox()
    verification = await Verifier(engine, sandbox, settings()).verify("c", "Add.", STEPS, "full", path=3)
    assert [verification.id, verification.path, verification.mode] == ["c", 3, "full"]
    step = verification.steps[0]
    assert step.text == FULL_TURN
    assert step.analysis == "Let's analyze the Paragraph 1 step by step: It adds up."
    assert (step.code, step.output, step.executions) == ("print(3 + 4)", "7", ["ok"])
    assert step.reward == pytest.approx(0.75)
    assert (step.verdict, step.forced) == ("Yes", False)


async def test_the_script_s_output_comes_from_the_sandbox_and_not_from_the_model() -> None:
    verification = await Verifier(ScriptedEngine(script()), FakeSandbox("7\n"), settings()).verify(
        "c", "Add.", STEPS, "full"
    )
    assert "8" in CODE
    assert "8" not in verification.steps[0].text


async def test_one_interpreter_lasts_over_the_steps_of_a_path_and_is_closed() -> None:
    sandbox = FakeSandbox()
    verifier = Verifier(ScriptedEngine(script()), sandbox, settings())
    await asyncio.gather(*(verifier.verify("c", "Add.", STEPS, "full", path=i) for i in range(2)))
    assert [session.ran for session in sandbox.sessions] == [["print(3 + 4)"] * 3] * 2
    assert all(session.closed for session in sandbox.sessions)


async def test_only_so_many_paths_hold_an_interpreter_at_a_time() -> None:
    sandbox = FakeSandbox()
    live: list[int] = []

    def reply(prompt: str) -> str:
        live.append(sum(not session.closed for session in sandbox.sessions))
        return script()(prompt)

    verifier = Verifier(ScriptedEngine(reply), sandbox, settings(), live_paths=3)
    paths = await asyncio.gather(*(verifier.verify("c", "Add.", STEPS, "full", path=i) for i in range(10)))
    assert max(live) == 3
    assert len(paths) == len(sandbox.sessions) == 10


MODE_TURNS: dict[Mode, str] = {
    "full": FULL_TURN,
    "cot": FULL_TURN[: FULL_TURN.index("<verify>")] + FULL_TURN[FULL_TURN.index("<output>") :],
    "code": FULL_TURN[FULL_TURN.index("<verify>") :],
    "text": FULL_TURN.replace("\n7\n", "\n8\n"),
    "direct": FULL_TURN[FULL_TURN.index("<output>") :],
    "code_unrun": FULL_TURN[FULL_TURN.index("<verify>") :].replace("\n7\n", "\n8\n"),
}
UNRUN = ("text", "code_unrun")
"""Modes that let the model imagine the output (8) of code that nobody runs."""


@pytest.mark.parametrize(("mode", "turn"), MODE_TURNS.items())
async def test_every_mode_writes_the_turn_it_was_trained_on(mode: Mode, turn: str) -> None:
    sandbox = FakeSandbox()
    reply = script(code=CODE + END) if mode in UNRUN else script()
    verification = await Verifier(ScriptedEngine(reply), sandbox, settings()).verify("c", "Add.", STEPS, mode)
    assert verification.steps[0].text == turn
    assert not any(step.forced for step in verification.steps)
    assert len(sandbox.sessions) == (1 if mode in ("full", "code") else 0)


async def test_direct_mode_shows_its_own_system_message() -> None:
    engine = ScriptedEngine(script())
    form = TurnFormat(system="Judge.", direct_system="Yes or No.")
    await Verifier(engine, None, VerifierSettings(format=form)).verify("c", "Add.", STEPS, "direct")
    assert engine.requests[0][0].startswith("<|system|>\nYes or No.<|end|>\n<|user|>\nQuestion: Add.\n\nStep 1")


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.ADAPTIVE])
async def test_a_conversation_only_ever_grows(mode: Mode) -> None:
    engine = ScriptedEngine(script(code=CODE + END) if mode in UNRUN else script())
    await Verifier(engine, FakeSandbox(), settings()).verify("c", "Add.", STEPS, mode)
    prompts = [prompt for prompt, _ in engine.requests]
    assert len(prompts) >= len(STEPS)
    for earlier, later in itertools.pairwise(prompts):
        assert later.startswith(earlier)


async def test_the_verdict_costs_one_token_with_log_probabilities_and_nothing_else_asks_for_them() -> None:
    engine = ScriptedEngine(script())
    await Verifier(engine, FakeSandbox(), settings()).verify("c", "Add.", STEPS, "full")
    for prompt, sampling in engine.requests:
        assert (sampling.logprobs, sampling.max_tokens == 1) == (
            (20, True) if prompt.endswith(VERDICT_DUE) else (0, False)
        )


async def test_a_path_says_what_its_rewards_were_read_from() -> None:
    said = iter(({"Yes": -0.1, " Yes": -3.0, "No": -4.0, "Maybe": -5.0}, {"Yes": -9.0, "No}": -0.1}, {"Yes": -0.1}))
    engine = ScriptedEngine(script(), lambda prompt: next(said))
    verifier = Verifier(engine, FakeSandbox(), settings())
    first = await verifier.verify("c", "Add.", STEPS[:2], "direct")
    second = await verifier.verify("c", "Add.", STEPS[:1], "direct", path=1)
    assert first.provenance == second.provenance == engine.provenance
    assert (first.spellings, second.spellings) == ([" Yes", "No", "No}", "Yes"], ["Yes"])


async def test_tokens_of_the_conversation_are_counted_once() -> None:
    """Written + read = the whole conversation, as one can count it from the last prompt."""
    engine = ScriptedEngine(script())
    verification = await Verifier(engine, FakeSandbox(), settings()).verify("c", "Add.", STEPS, "full")
    last_prompt = engine.requests[-1][0]
    assert verification.prompt_tokens + verification.tokens == count_tokens(last_prompt + "Yes")
    assert verification.tokens == sum(step.tokens for step in verification.steps)
    written = "It adds up.\n</analyze>" + "print(3 + 4)\n```\n" + "</verify>\n" + VERDICT_DUE + "Yes"
    assert verification.steps[0].tokens == count_tokens(written)


# --- adaptive judgement ----------------------------------------------------------------------------------------


def surer_with(**certainty: float) -> Callable[[str], dict[str, float]]:
    """P(Yes) by what the turn holds when its verdict is due: `direct` nothing, `cot` analysis, `full` code too."""

    def read(prompt: str) -> dict[str, float]:
        turn = prompt.rpartition("<|assistant|>")[2]
        kind = "full" if "[Code Output]" in turn else "cot" if "</analyze>" in turn else "direct"
        return yes_no(certainty[kind], 1 - certainty[kind])

    return read


@pytest.mark.parametrize(
    ("certainty", "ends_in", "verdicts", "runs"),
    [
        pytest.param({"direct": 0.95}, "direct", 1, 0, id="sure at once"),
        pytest.param({"direct": 0.04}, "direct", 1, 0, id="sure that it is wrong"),
        pytest.param({"direct": 0.8, "cot": 0.95}, "cot", 2, 0, id="sure when it has thought"),
        pytest.param({"direct": 0.2, "cot": 0.8, "full": 0.95}, "full", 3, 1, id="sure when code has run"),
        pytest.param({"direct": 0.2, "cot": 0.8, "full": 0.6}, "full", 3, 1, id="never sure"),
    ],
)
async def test_adaptive_judgement_stops_at_the_first_verdict_that_is_sure(
    certainty: dict[str, float], ends_in: Mode, verdicts: int, runs: int
) -> None:
    engine, sandbox = ScriptedEngine(script(), surer_with(**certainty)), FakeSandbox()
    (step,) = (await Verifier(engine, sandbox, settings()).verify("c", "Add.", STEPS[:1], "adaptive")).steps
    reward = certainty[ends_in]
    verdict = "Yes" if reward > 0.5 else "No"
    assert step.reward == pytest.approx(reward)
    assert (step.text, step.forced) == (MODE_TURNS[ends_in].replace("{Yes}", f"{{{verdict}}}"), False)
    assert len(step.executions) == runs
    in_one_mode = await Verifier(ScriptedEngine(script()), FakeSandbox(), settings()).verify(
        "c", "Add.", STEPS[:1], ends_in
    )
    assert step.tokens == in_one_mode.tokens + verdicts - 1, "what is written stays; each verdict is one token"
    assert [s.seed for _, s in engine.requests if not s.logprobs] == [
        derived_seed(0, "c", 0, 0, f"part {part}") for part in range(len(engine.requests) - verdicts)
    ], "the samples of the other modes"


async def test_each_step_of_a_conversation_goes_as_far_as_it_needs() -> None:
    def read(prompt: str) -> dict[str, float]:
        return surer_with(direct=0.7 if "Step 2" in prompt else 0.99, cot=0.01, full=0.5)(prompt)

    engine = ScriptedEngine(script(), read)
    verification = await Verifier(engine, FakeSandbox(), settings()).verify("c", "Add.", STEPS[:2], "adaptive")
    assert rewards(verification) == pytest.approx([0.99, 0.01])
    assert verification.steps[0].text == MODE_TURNS["direct"]
    assert verification.steps[1].text.startswith("<analyze>\nLet's analyze the Paragraph 2 step by step: ")
    assert verification.mode == "adaptive"
    last_prompt = engine.requests[-1][0]
    assert f"<|assistant|>\n{MODE_TURNS['direct']}<|end|>\n<|user|>\nStep 2" in last_prompt


@pytest.mark.parametrize(("tau", "ends_in"), [(0.0, "full"), (0.1, "full"), (0.3, "cot"), (0.5, "direct")])
async def test_tau_says_how_sure_is_sure(tau: float, ends_in: Mode) -> None:
    engine = ScriptedEngine(script(), surer_with(direct=0.6, cot=0.75, full=0.9))
    verifier = Verifier(engine, FakeSandbox(), settings().model_copy(update={"tau": tau}))
    (step,) = (await verifier.verify("c", "Add.", STEPS[:1], "adaptive")).steps
    assert step.text == MODE_TURNS[ends_in]


async def test_adaptive_judgement_that_comes_to_no_verdict_falls_back_on_its_analysis() -> None:
    endless = script(code="x = 1\n" * 3000)
    engine, sandbox = ScriptedEngine(endless, surer_with(direct=0.6, cot=0.7)), FakeSandbox()
    verifier = Verifier(engine, sandbox, settings(max_tokens=300))
    (step,) = (await verifier.verify("c", "Add.", STEPS[:1], "adaptive")).steps
    assert (step.reward, step.forced, step.text) == (pytest.approx(0.7), True, MODE_TURNS["cot"])


# --- what models get wrong -------------------------------------------------------------------------------------

NO_END = "I will print it again.\n" + FENCE + CODE


@pytest.mark.parametrize(
    ("reply", "runs"),
    [
        pytest.param(script(analysis="Hm. " * 3000), 0, id="analysis never closed"),
        pytest.param(script(analysis="I am done."), 0, id="turn ended in the analysis"),
        pytest.param(script(code="x = 1\n" * 3000), 0, id="code block never closed"),
        pytest.param(script(code="x = 1"), 0, id="turn ended in the code"),
        pytest.param(script(after_code=NO_END), 3, id="endless rounds"),
        pytest.param(script(after_code="</verify>\n"), 1, id="no output block"),
        pytest.param(script(after_code="</verify>\n<output>\nIt is right.\n</output>\n"), 1, id="no verdict"),
        pytest.param(script(after_code="and so on " * 3000), 1, id="talks for ever"),
        pytest.param(script(after_code="|\n```\n"), 1, id="closes fences for ever"),
    ],
)
async def test_a_step_that_comes_to_no_verdict_is_asked_for_one_and_left(
    reply: Callable[[str], str], runs: int
) -> None:
    engine = ScriptedEngine(reply, lambda prompt: yes_no(0.1, 0.4))
    sandbox = FakeSandbox()
    verification = await Verifier(engine, sandbox, settings(max_tokens=300)).verify("c", "Add.", STEPS, "full")
    assert rewards(verification) == pytest.approx([0.2] * 3)
    for number, step in enumerate(verification.steps, start=1):
        assert (step.forced, step.verdict, len(step.executions)) == (True, "No", runs)
        assert step.text.startswith(f"<analyze>\nLet's analyze the Paragraph {number} step by step: ")
        assert step.text.endswith("\n</analyze>\n<output>\n**Judgement**: $\\boxed{No}$\n</output>\n")
        assert "<verify>" not in step.text.partition("</analyze>")[2]
        assert step.tokens <= 300 + 1


@pytest.mark.parametrize("mode", ["code", "text", "code_unrun"])
async def test_a_forced_verdict_in_other_modes_keeps_what_analysis_there_is(mode: Mode) -> None:
    engine = ScriptedEngine(script(code="x = 1"))
    verification = await Verifier(engine, FakeSandbox(), settings()).verify("c", "Add.", STEPS, mode)
    step = verification.steps[0]
    assert step.forced
    assert step.text == MODE_TURNS["cot" if mode == "text" else "direct"]


@pytest.mark.parametrize(
    ("first", "second", "ran"),
    [
        pytest.param("print(3 + 4)\n```", END, ["print(3 + 4)"], id="turn ends behind the fence"),
        pytest.param("print(3 + 4)\n``` \n[Code Output]\n\n8\n" + END, END, ["print(3 + 4)"], id="blank behind it"),
        pytest.param("print(3 + 4)\r\n```\r\n8\r\n" + END, END, ["print(3 + 4)"], id="carriage returns"),
        pytest.param("print(3 + 4)\n  ```\nso 8\n" + END, END, ["print(3 + 4)"], id="indented fence"),
        pytest.param(CODE, "Again:\n```py\nprint(7)\n```\n", ["print(3 + 4)", "print(7)"], id="second as py"),
        pytest.param(CODE, "Again:\n```\nprint(7)\n```", ["print(3 + 4)", "print(7)"], id="second untagged"),
        pytest.param(CODE, "A table:\n```\n7 8\n```\n", ["print(3 + 4)"], id="a table is no code"),
    ],
)
async def test_code_that_stands_there_is_run(first: str, second: str, ran: list[str]) -> None:
    def reply(prompt: str) -> str:
        text = prompt.rpartition("<verify>")[2]
        if text.endswith("```\n7\n```\n") and text.count("[Code Output]") == 1:
            return second
        if text.endswith("Again:\n```\n"):  # a stop, for all that is known yet
            return second.removeprefix("Again:\n```\n")
        return script(code=first)(prompt)

    sandbox = FakeSandbox()
    verification = await Verifier(ScriptedEngine(reply), sandbox, settings()).verify("c", "p", STEPS[:1], "full")
    step = verification.steps[0]
    assert sandbox.sessions[0].ran == ran
    assert step.text.count("\n[Code Output]\n\n```\n7\n```\n") == len(ran)
    assert (step.forced, step.verdict, step.output) == (False, "Yes", "\n".join(["7"] * len(ran)))
    assert "8" not in step.text.replace("7 8", "")


async def test_rounds_are_those_of_the_settings() -> None:
    sandbox = FakeSandbox()
    engine = ScriptedEngine(script(after_code=NO_END))
    await Verifier(engine, sandbox, settings(rounds=2)).verify("c", "Add.", STEPS[:1], "full")
    assert len(sandbox.sessions[0].ran) == 2


async def test_a_second_round_within_the_limit_is_no_failure() -> None:
    def reply(prompt: str) -> str:
        second = prompt.endswith("```\n7\n```\n") and prompt.count("[Code Output]") < 2
        return "Again:\n" + FENCE + "print(7)\n```\n" if second else script()(prompt)

    sandbox = FakeSandbox()
    verification = await Verifier(ScriptedEngine(reply), sandbox, settings()).verify("c", "p", STEPS[:1], "full")
    assert sandbox.sessions[0].ran == ["print(3 + 4)", "print(7)"]
    assert (verification.steps[0].forced, verification.steps[0].code) == (False, "print(3 + 4)\nprint(7)")


async def test_words_of_judgement_inside_the_analysis_do_not_matter() -> None:
    analysis = "Is it $\\boxed{No}$? Yes} or No}: <output>\n**Judgement**: $\\boxed{No}$\n</output>\n</analyze>\n"
    engine = ScriptedEngine(script(analysis=analysis), lambda prompt: yes_no(0.9, 0.1))
    verification = await Verifier(engine, FakeSandbox(), settings()).verify("c", "Add.", STEPS, "full")
    assert rewards(verification) == pytest.approx([0.9] * 3)
    assert [step.forced for step in verification.steps] == [False] * 3


async def test_a_verdict_worded_differently_is_still_read_at_its_box() -> None:
    ending = "</verify>\n<output>\nSo the step is right: $\\boxed{Yes}$.\n</output>\n"
    engine = ScriptedEngine(script(after_code=ending), lambda prompt: yes_no(0.6, 0.2))
    verification = await Verifier(engine, FakeSandbox(), settings()).verify("c", "Add.", STEPS[:1], "full")
    step = verification.steps[0]
    assert step.reward == pytest.approx(0.75)
    assert not step.forced
    assert engine.requests[-1][0].endswith("So the step is right: $\\boxed{")


@pytest.mark.parametrize(
    ("output", "status", "shown"),
    [
        ("", "ok", "```\n\n```\n"),
        ("3\nZeroDivisionError: division by zero\n", "error", "```\n3\nZeroDivisionError: division by zero\n```\n"),
        ("Code execute time out", "killed_timeout", "```\nCode execute time out\n```\n"),
    ],
)
async def test_what_scripts_do_is_data(output: str, status: Status, shown: str) -> None:
    verifier = Verifier(ScriptedEngine(script()), FakeSandbox(output, status), settings())
    verification = await verifier.verify("c", "Add.", STEPS, "full")
    for step in verification.steps:
        assert "[Code Output]\n\n" + shown + "</verify>" in step.text
        assert (step.executions, step.forced) == ([status], False)


async def test_a_flood_of_output_uses_up_the_step_and_is_never_shown() -> None:
    engine = ScriptedEngine(script())
    sandbox = FakeSandbox("0123456789 " * 100_000)
    verification = await Verifier(engine, sandbox, settings()).verify("c", "Add.", STEPS, "full")
    assert [step.forced for step in verification.steps] == [True] * 3
    assert max(len(prompt) for prompt, _ in engine.requests) < 2000


async def test_code_output_counts_against_the_budget_of_its_step() -> None:
    """A first script prints 200 tokens, the next ones 2: the last request may write what is left of 400."""

    class TalksFirst(FakeSession):
        async def run(self, code: str) -> Execution:
            output = "7\n" if self.ran else "1 " * 100
            await super().run(code)
            return Execution("ok", output, seconds=0.0)

    class Talkative(FakeSandbox):
        def session(self) -> Session:
            return TalksFirst("", "ok")

    engine = ScriptedEngine(script(after_code="Again:\n" + FENCE + CODE))
    await Verifier(engine, Talkative(), settings(max_tokens=400)).verify("c", "Add.", STEPS[:1], "full")
    (first, whole), *_, (last, rest) = [request for request in engine.requests if not request[1].logprobs]
    assert whole.max_tokens == 400
    assert rest.max_tokens == pytest.approx(400 - (count_tokens(last) - count_tokens(first)), abs=15)


async def test_no_mass_on_either_word_is_flagged_and_reads_as_one_half() -> None:
    engine = ScriptedEngine(script(verdict="Perhaps"), lambda prompt: {"Perhaps": -0.1, "not": -3.0})
    verification = await Verifier(engine, FakeSandbox(), settings()).verify("c", "Add.", STEPS, "full")
    assert rewards(verification) == [0.5] * 3
    assert {(step.verdict, step.forced) for step in verification.steps} == {("none", True)}
    assert verification.steps[0].text.endswith("**Judgement**: $\\boxed{}$\n</output>\n")
    asked = [prompt for prompt, _ in engine.requests if prompt.endswith(VERDICT_DUE)]
    assert len(asked) == 2 * len(STEPS)


async def test_a_verdict_that_was_just_asked_for_is_not_asked_for_again() -> None:
    engine = ScriptedEngine(script(), lambda prompt: {"Perhaps": -0.1})
    verification = await Verifier(engine, None, settings()).verify("c", "Add.", STEPS, "direct")
    assert len(engine.requests) == len(STEPS)
    assert {(step.verdict, step.forced) for step in verification.steps} == {("none", False)}


async def test_a_conversation_that_outgrows_the_context_still_has_a_reward_for_every_step() -> None:
    engine = ScriptedEngine(script(), lambda prompt: yes_no(0.1, 0.1), max_context=150)
    verification = await Verifier(engine, FakeSandbox(), settings()).verify("c", "Add.", STEPS * 3, "full")
    assert len(verification.steps) == 9
    assert (verification.steps[0].verdict, verification.steps[-1].verdict) == ("Yes", "none")
    assert verification.steps[-1].reward == 0.5


def by_step(*yes: float) -> Callable[[str], Mapping[str, float]]:
    """P(Yes) per step; the step shows in the number of user turns."""
    return lambda prompt: yes_no(yes[prompt.count("<|user|>") - 1], 1 - yes[prompt.count("<|user|>") - 1])


def up_to_first_error(threshold: float) -> GoOn:
    """Judge up to and including the first step whose reward is below `threshold`."""

    async def go_on(rewards: Sequence[float]) -> bool:
        return rewards[-1] >= threshold

    return go_on


@pytest.mark.parametrize("yes", [(0.9, 0.8, 0.7), (0.1, 0.8, 0.7), (0.9, 0.3, 0.1), (0.9, 0.8, 0.3)])
@pytest.mark.parametrize("threshold", [0.5, 0.25])
async def test_stopping_at_the_first_error_predicts_the_same_for_less(
    yes: tuple[float, ...], threshold: float
) -> None:
    predictions = []
    for stop in (False, True):
        verifier = Verifier(ScriptedEngine(script(), by_step(*yes)), FakeSandbox(), settings())
        go_on = up_to_first_error(threshold) if stop else every_step
        verification = await verifier.verify("c", "Add.", STEPS, "full", go_on=go_on)
        predictions.append(first_error(rewards(verification), threshold))
        wanted = predictions[0] + 1 if stop and predictions[0] >= 0 else len(STEPS)
        assert len(verification.steps) == wanted
    assert predictions[0] == predictions[1]


# --- seeds and failures ----------------------------------------------------------------------------------------


async def seeds(verifier_settings: VerifierSettings, case_id: str = "c", path: int = 0) -> list[int]:
    engine = ScriptedEngine(script())
    await Verifier(engine, FakeSandbox(), verifier_settings).verify(case_id, "Add.", STEPS, "full", path=path)
    return [sampling.seed for _, sampling in engine.requests if not sampling.logprobs]


async def test_seeds_depend_on_what_a_request_is_for_and_on_nothing_else() -> None:
    base = await seeds(settings())
    assert len(set(base)) == len(base) == 3 * len(STEPS)
    assert await seeds(settings()) == base
    for other in (await seeds(settings(seed=1)), await seeds(settings(), "d"), await seeds(settings(), path=1)):
        assert not set(other) & set(base)


def test_seeds_fit_31_bits() -> None:
    assert all(0 <= derived_seed(0, "c", 0, step, "part 0") < 2**31 for step in range(100))


async def test_a_dead_engine_is_reported_with_case_and_step() -> None:
    engine = ScriptedEngine(script())

    class OutlivesTheEngine(FakeSession):
        async def run(self, code: str) -> Execution:
            if len(self.ran) == 1:
                await engine.close()
            return await super().run(code)

    class Outlives(FakeSandbox):
        def session(self) -> Session:
            self.sessions.append(OutlivesTheEngine("", "ok"))
            return self.sessions[-1]

    sandbox = Outlives()
    with pytest.raises(EngineError, match=r"case 'gsm8k-7', path 2, step 1: .*closed"):
        await Verifier(engine, sandbox, settings()).verify("gsm8k-7", "Add.", STEPS, "full", path=2)
    assert sandbox.sessions[0].closed


async def test_a_broken_sandbox_is_reported_with_case_and_step() -> None:
    class Broken(FakeSandbox):
        def session(self) -> Session:
            raise SandboxError("no namespaces here")

    with pytest.raises(SandboxError, match=r"case 'c', path 0, step 0: no namespaces here"):
        await Verifier(ScriptedEngine(script()), Broken(), settings()).verify("c", "Add.", STEPS, "full")


async def test_steps_and_a_sandbox_are_needed() -> None:
    verifier = Verifier(ScriptedEngine(script()), None, settings())
    with pytest.raises(ValueError, match="case 'c': steps is empty"):
        await verifier.verify("c", "Add.", [], "cot")
    with pytest.raises(ValueError, match="mode 'code' runs code and needs a sandbox"):
        await verifier.verify("c", "Add.", STEPS, "code")
    assert len((await verifier.verify("c", "Add.", STEPS, "text")).steps) == 3
