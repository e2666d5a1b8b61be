"""The same weights, decoded greedily, give the same rewards whatever engine runs them: those of their logits."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from genprm.engines import resolve_model
from genprm.engines.base import Engine, Sampling
from genprm.miniature.world.generation import generate_problems
from genprm.miniature.world.names import Split
from genprm.miniature.world.problems import MiniatureProblem
from genprm.miniature.world.solutions import right_steps
from genprm.profiles import load_profile
from genprm.records import Verification
from genprm.sandbox import open_sandbox
from genprm.sandbox.base import Sandbox
from genprm.settings import SandboxSettings, TurnFormat, VerifierSettings
from genprm.verification.rewards import rewards
from genprm.verification.verifier import Verifier
from tests.genprm.engines.backends import BACKENDS, Dtype, EngineOf

MODEL = "miniature/rationale"
OTHERS = BACKENDS[1:]


def solutions() -> list[tuple[str, list[str]]]:
    """Six solutions of two to four steps; in every other one a calculation is wrong."""
    short = [problem for problem in generate_problems(Split.PIPELINE, 60) if len(problem.gold) <= 4]
    return [(problem.text, steps_of(problem, wrong=number % 2 == 1)) for number, problem in enumerate(short[:6])]


def steps_of(problem: MiniatureProblem, wrong: bool) -> list[str]:
    steps = right_steps(problem)
    if wrong:
        middle = len(steps) // 2
        steps[middle] = re.sub(r"= (\d+)", lambda found: f"= {int(found[1]) + 1}", steps[middle], count=1)
    return steps


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    sandbox = open_sandbox(SandboxSettings())
    yield sandbox
    await sandbox.close()


async def judged(engine: Engine, sandbox: Sandbox) -> list[Verification]:
    profile = load_profile("miniature").rationales.verifier
    greedy = profile.model_copy(update={"sampling": profile.sampling.model_copy(update={"temperature": 0.0})})
    verifier = Verifier(engine, sandbox, greedy)
    cases = enumerate(solutions())
    return await asyncio.gather(
        *(verifier.verify(f"case-{i}", problem, steps, "full") for i, (problem, steps) in cases)
    )


@pytest.mark.parametrize("backend", OTHERS)
async def test_rewards_are_those_of_the_embedded_engine(
    backend: str, engine_of: Callable[[str, str], Engine], sandbox: Sandbox
) -> None:
    expected = await judged(engine_of("transformers", resolve_model(MODEL)), sandbox)
    got = await judged(engine_of(backend, resolve_model(MODEL)), sandbox)
    assert [len(path.steps) for path in got] == [len(steps) for _, steps in solutions()]
    for path, same in zip(got, expected, strict=True):
        assert [step.text for step in path.steps] == [step.text for step in same.steps]
        assert rewards(path) == pytest.approx(rewards(same), abs=1e-3)
        assert (path.tokens, path.prompt_tokens) == (same.tokens, same.prompt_tokens)
    spread = [reward for path in expected for reward in rewards(path)]
    assert min(spread) < 0.2
    assert max(spread) > 0.8


VERDICT = "<output>\n**Judgement**: $\\boxed{%s}$\n</output>"
EXAMPLES = [("2 + 3 = 5", "Yes"), ("2 + 3 = 9", "No"), ("4 * 2 = 8", "Yes"), ("9 - 1 = 6", "No")]
SHOWN = "Write Yes for a right step and No for a wrong one.\n\n" + "\n\n".join(
    f"Step: {step}\n{VERDICT % word}" for step, word in EXAMPLES
)
"""Shown some verdicts, a small model that was never trained to judge says Yes or No too, and is unsure of it."""
IN_ENGLISH = [
    ("Sam has 49 coins and sells 7. How many are left?", ["49 - 7 = 42", "The answer is 42."]),
    ("Tom buys 3 bags of 8 keys. How many keys?", ["3 * 8 = 26", "There are 26 keys.", "The answer is 26."]),
    ("Ann reads 12 pages a day for 5 days. How many in all?", ["12 * 5 = 60", "60 pages in all."]),
]
AS_EXACT = {"float32": 1e-3, "bfloat16": 0.03}
"""The last state of a network in bfloat16 has three digits, and two ways to compute it differ in the third."""


def up_to_verdicts(tokenizer: Any, judgements: list[Verification]) -> Iterator[str]:
    """What stands before each verdict, as one text."""
    for (problem, steps), judgement in zip(IN_ENGLISH, judgements, strict=True):
        messages = [{"role": "system", "content": SHOWN}]
        for step, judged_step in zip(steps, judgement.steps, strict=True):
            asked = step if len(messages) > 1 else f"Question: {problem}\n\n{step}"
            messages.append({"role": "user", "content": asked})
            text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
            yield text + judged_step.text[: judged_step.text.rindex("{") + 1]
            messages.append({"role": "assistant", "content": judged_step.text})


def yes_against_no(probabilities: Iterable[tuple[str, float]]) -> float:
    """The probability of Yes against No."""
    found = [(word.strip(), probability) for word, probability in probabilities]
    yes, no = (sum(probability for word, probability in found if word == wanted) for wanted in ("Yes", "No"))
    return yes / (yes + no)


def from_logits(path: str, tokenizer: Any, dtype: str, text: str) -> float:
    """That after a text, from one forward pass of plain transformers, its logits in float32."""
    network = AutoModelForCausalLM.from_pretrained(path, dtype=getattr(torch, dtype)).eval()
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
    with torch.inference_mode():
        last = network.base_model(ids).last_hidden_state[0, -1]
        logits = network.get_output_embeddings().weight.float() @ last.float()
    words = tokenizer.batch_decode([[token] for token in range(len(tokenizer))])
    return yes_against_no(zip(words, logits.double().softmax(-1).tolist(), strict=False))


async def from_a_request(engine: Engine, text: str) -> float:
    """That after a text, from the log-probabilities that the engine gives when it is asked for nothing else."""
    (completion,) = await engine.complete(text, Sampling(max_tokens=1, temperature=0.0, logprobs=100))
    (top,) = completion.top_logprobs
    return yes_against_no((word, math.exp(value)) for word, value in top.items())


@pytest.mark.slow
@pytest.mark.parametrize("dtype", AS_EXACT)
@pytest.mark.parametrize("backend", [BACKENDS[0], *OTHERS])
async def test_rewards_of_a_real_model_are_those_of_its_logits(
    backend: str, dtype: Dtype, smollm2_path: str, engine_of: EngineOf, sandbox: Sandbox
) -> None:
    settings = VerifierSettings(format=TurnFormat(direct_system=SHOWN))
    engine = engine_of(backend, smollm2_path, dtype)
    verifier = Verifier(engine, sandbox, settings)
    # One after the other: in bfloat16 the company of a row decides its third digit.
    judgements = [
        await verifier.verify(f"case-{i}", problem, steps, "direct")
        for i, (problem, steps) in enumerate(IN_ENGLISH)
    ]
    got = [reward for judgement in judgements for reward in rewards(judgement)]
    tokenizer = AutoTokenizer.from_pretrained(smollm2_path)
    texts = list(up_to_verdicts(tokenizer, judgements))
    plain = [from_logits(smollm2_path, tokenizer, dtype, text) for text in texts]
    assert got == pytest.approx(plain, abs=AS_EXACT[dtype])
    assert got == pytest.approx([await from_a_request(engine, text) for text in texts], abs=1e-3)
    assert all(0.01 < reward < 0.99 for reward in got)
