"""What every backend must do, checked against plain transformers on weights that are shipped with the package."""

from __future__ import annotations

import asyncio
import functools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from genprm.engines import open_engine, resolve_model
from genprm.engines.base import ContextFull, Engine, EngineError, Sampling
from genprm.records import Message
from genprm.settings import EngineSettings
from tests.genprm.engines.backends import BACKENDS, CONTEXT, opened
from tests.genprm.engines.subjects import Subject, miniature, smollm2

MODEL = "miniature/rationale"


@pytest.fixture(scope="module", params=["miniature", pytest.param("smollm2", marks=pytest.mark.slow)])
def subject(request: pytest.FixtureRequest) -> Subject:
    if request.param == "miniature":
        return miniature(resolve_model(MODEL))
    return smollm2(request.getfixturevalue("smollm2_path"))


@pytest.fixture(params=BACKENDS)
def engine(request: pytest.FixtureRequest, subject: Subject, engine_of: Callable[[str, str], Engine]) -> Engine:
    return engine_of(request.param, subject.path)


@pytest.fixture(params=["transformers", pytest.param("transformers copied", marks=pytest.mark.slow), "openai"])
def fresh_engine(request: pytest.FixtureRequest, subject: Subject) -> Iterator[Engine]:
    """An engine that a test may close; vLLM, which takes long to start, is closed in a test of its own."""
    with opened(request.param, subject.path) as engine:
        yield engine


class Reference:
    """The same weights in plain transformers."""

    def __init__(self, path: str) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(path)
        self.model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()

    def ids(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    @functools.cache  # noqa: B019
    def greedy(self, prompt: str, tokens: int) -> list[int]:
        ids = torch.tensor([self.ids(prompt)])
        with torch.inference_mode():
            out = self.model.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False
            )
        return out[0, ids.shape[1] :].tolist()

    def text(self, ids: list[int]) -> str:
        return self.tokenizer.decode([token for token in ids if token != self.tokenizer.eos_token_id])


@pytest.fixture(scope="module")
def reference(subject: Subject) -> Reference:
    return Reference(subject.path)


def mixed_prompts(count: int) -> list[str]:
    draw = random.Random(1)
    words = [
        "Sam",
        "has",
        "keys",
        "Tom",
        "5",
        "3",
        "Step",
        "1:",
        "\\boxed{2}",
        "<analyze>",
        "数学",
        "🙂",
        "print(x)\n",
    ]
    return [" ".join(draw.choices(words, k=draw.randint(1, 40))) for _ in range(count)]


@pytest.mark.parametrize("kind", ["judgement", "opening", "unknown words"])
async def test_greedy_equals_plain_generation(
    engine: Engine, subject: Subject, reference: Reference, kind: str
) -> None:
    prompt = "naïve 数学 🙂" if kind == "unknown words" else getattr(subject, kind)
    expected = reference.greedy(prompt, 40)
    (got,) = await engine.complete(prompt, Sampling(max_tokens=40, temperature=0.0))
    assert got.text == reference.text(expected)
    assert got.tokens == len(expected)
    assert got.prompt_tokens == len(reference.ids(prompt))
    ended = expected[-1] == reference.tokenizer.eos_token_id
    assert (got.finish_reason, got.stop) == ("stop" if ended else "length", None)


async def test_the_end_token_ends_the_text_and_is_not_in_it(
    engine: Engine, subject: Subject, reference: Reference
) -> None:
    expected = reference.greedy(subject.judgement, 200)
    assert expected[-1] == reference.tokenizer.eos_token_id
    (got,) = await engine.complete(
        subject.judgement, Sampling(max_tokens=200, temperature=0.0, stop=("@@never@@",))
    )
    assert got.text == reference.text(expected)
    assert (got.tokens, got.finish_reason, got.stop) == (len(expected), "stop", None)


async def test_many_at_once_equal_one_at_a_time(engine: Engine, reference: Reference) -> None:
    prompts = mixed_prompts(30)
    limits = [random.Random(i).randint(1, 16) for i in range(len(prompts))]
    got = await asyncio.gather(
        *(engine.complete(p, Sampling(max_tokens=m, temperature=0.0)) for p, m in zip(prompts, limits, strict=True))
    )
    for prompt, limit, (completion,) in zip(prompts, limits, got, strict=True):
        assert completion.text == reference.text(reference.greedy(prompt, 16)[:limit])


async def test_a_seed_fixes_the_text_whatever_else_is_in_flight(engine: Engine, subject: Subject) -> None:
    sampling = Sampling(max_tokens=30, temperature=1.2, top_p=0.95, top_k=20, seed=7)
    alone = await engine.complete(subject.opening, sampling, n=3)
    others = [engine.complete(p, Sampling(max_tokens=25, seed=i)) for i, p in enumerate(mixed_prompts(50))]
    crowded, *_ = await asyncio.gather(engine.complete(subject.opening, sampling, n=3), *others)
    assert [c.text for c in crowded] == [c.text for c in alone]
    (first,) = await engine.complete(subject.opening, sampling, n=1)
    assert first.text == alone[0].text
    other_seed = await engine.complete(subject.opening, Sampling(max_tokens=30, temperature=1.2, seed=8), n=3)
    assert {c.text for c in other_seed}.isdisjoint(c.text for c in alone)


async def test_samples_of_one_request_differ(engine: Engine, subject: Subject) -> None:
    texts = [c.text for c in await engine.complete(subject.opening, Sampling(max_tokens=20, temperature=1.0), n=16)]
    assert len(set(texts)) > 12


@pytest.mark.parametrize(
    ("settings", "keep"),
    [
        ({"temperature": 1.0}, lambda p: p),
        ({"temperature": 0.5}, lambda p: torch.softmax(p.log() / 0.5, -1)),
        ({"temperature": 1.0, "top_k": 3}, lambda p: torch.where(p >= p.topk(3).values[-1], p, 0)),
        ({"temperature": 1.0, "top_p": 0.6}, lambda p: nucleus(p, 0.6)),
        (
            {"temperature": 1.0, "top_k": 5, "top_p": 0.5},
            lambda p: nucleus(torch.where(p >= p.topk(5).values[-1], p, 0), 0.5),
        ),
    ],
)
async def test_first_tokens_follow_the_distribution(
    engine: Engine, reference: Reference, settings: dict[str, Any], keep: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    prompt = "Sam gives Tom"
    with torch.inference_mode():
        logits = reference.model(torch.tensor([reference.ids(prompt)])).logits[0, -1]
    expected = keep(logits.softmax(-1))
    expected = expected / expected.sum()
    masses: dict[str, float] = {}
    for token, mass in enumerate(expected.tolist()):
        if mass > 0:
            text = reference.text([token])  # parts of a character all read as U+FFFD
            masses[text] = masses.get(text, 0.0) + mass
    draws = 1000
    got = Counter(c.text for c in await engine.complete(prompt, Sampling(max_tokens=1, **settings), n=draws))
    assert set(got) <= set(masses)
    for text, mass in sorted(masses.items(), key=lambda item: -item[1])[:5]:
        assert abs(got[text] / draws - mass) < 5 * (mass * (1 - mass) / draws) ** 0.5 + 1e-3


def nucleus(p: torch.Tensor, mass: float) -> torch.Tensor:
    """The smallest set of most probable choices that holds `mass`, by plain counting."""
    p = p / p.sum()
    kept, total = torch.zeros_like(p), 0.0
    for token in p.argsort(descending=True).tolist():
        kept[token] = p[token]
        total += float(p[token])
        if total >= mass:
            break
    return kept


@pytest.mark.parametrize("length", [1, 2, 4])
async def test_a_stop_string_ends_the_text_and_is_kept(
    engine: Engine, subject: Subject, reference: Reference, length: int
) -> None:
    whole = reference.text(reference.greedy(subject.judgement, 40))
    stop = whole[12 : 12 + length]
    (got,) = await engine.complete(
        subject.judgement, Sampling(max_tokens=40, temperature=0.0, stop=("@@never@@", stop))
    )
    assert got.text == whole[: whole.index(stop) + length]
    assert (got.finish_reason, got.stop) == ("stop", stop)


async def test_stop_strings_in_the_prompt_do_not_count(engine: Engine, subject: Subject) -> None:
    (got,) = await engine.complete(
        subject.judgement, Sampling(max_tokens=200, temperature=0.0, stop=(subject.before, subject.behind))
    )
    assert got.stop == subject.behind
    assert len(got.text) > len(subject.behind)


async def test_max_tokens(engine: Engine, subject: Subject, reference: Reference) -> None:
    for limit in (1, 2, 17):
        (got,) = await engine.complete(subject.judgement, Sampling(max_tokens=limit, temperature=0.0))
        assert got.tokens == len(reference.greedy(subject.judgement, limit))


async def test_logprobs_are_those_of_a_plain_forward_pass(
    engine: Engine, subject: Subject, reference: Reference
) -> None:
    # top_k = 1 makes the text greedy: had temperature or truncation touched the numbers, they would be 0 and -inf.
    sampling = Sampling(max_tokens=8, temperature=0.3, top_k=1, logprobs=20)
    plain = engine.complete(subject.judgement, Sampling(max_tokens=9))
    (got,), (without,) = await asyncio.gather(engine.complete(subject.judgement, sampling), plain)
    assert without.top_logprobs == ()
    prompt, ids = reference.ids(subject.judgement), reference.greedy(subject.judgement, 8)
    with torch.inference_mode():
        logprobs = reference.model(torch.tensor([prompt + ids])).logits[0].log_softmax(-1)[len(prompt) - 1 :]
    assert len(got.top_logprobs) == len(ids)
    for top, row in zip(got.top_logprobs, logprobs, strict=False):
        expected: dict[str, float] = {}
        for token in row.topk(20).indices.tolist():
            expected.setdefault(reference.tokenizer.decode([token]), float(row[token]))
        # What is left out may be the last of several that are equally improbable.
        common = expected.keys() & top.keys()
        assert len(common) >= len(expected) - 1
        assert {text: top[text] for text in common} == pytest.approx({t: expected[t] for t in common}, abs=1e-3)


def test_the_provenance_says_what_the_numbers_are(engine: Engine, request: pytest.FixtureRequest) -> None:
    backend = request.node.callspec.params["engine"]
    assert engine.provenance.engine == backend.split()[0]
    assert engine.provenance.logprobs == "raw"
    if backend == "openai to vllm":
        assert engine.provenance.version.startswith("vllm 0.")
    else:
        assert engine.provenance.version


async def test_a_long_prompt_is_read_whole(engine: Engine, reference: Reference) -> None:
    """The first of 900 tokens decides nothing by itself; the numbers after the last one depend on all of them."""
    prompt = reference.tokenizer.decode(reference.ids("Sam has 5 keys. " * 200)[:900])
    (got,) = await engine.complete(prompt, Sampling(max_tokens=1, temperature=0.0, logprobs=5))
    ids = reference.ids(prompt)
    assert got.prompt_tokens == len(ids)
    with torch.inference_mode():
        row = reference.model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
    best = int(row.argmax())
    assert got.top_logprobs[0][reference.tokenizer.decode([best])] == pytest.approx(float(row[best]), abs=1e-3)


async def test_a_prompt_that_fills_the_context_is_refused_with_its_length(
    engine: Engine, reference: Reference
) -> None:
    prompt = "Sam has 5 keys. " * 400
    with pytest.raises(ContextFull, match=rf"{len(reference.ids(prompt))} tokens.*{CONTEXT}"):
        await engine.complete(prompt, Sampling(max_tokens=1))


async def test_an_empty_prompt_is_refused(engine: Engine) -> None:
    with pytest.raises(EngineError, match="empty"):
        await engine.complete("", Sampling(max_tokens=3))


async def test_the_end_of_the_context_ends_the_text(engine: Engine, subject: Subject, reference: Reference) -> None:
    ids = reference.ids(subject.judgement * 20)
    prompt = reference.tokenizer.decode(ids[: CONTEXT - 5])
    (got,) = await engine.complete(prompt, Sampling(max_tokens=50, temperature=0.0, stop=("@@never@@",)))
    assert got.prompt_tokens + got.tokens <= CONTEXT
    assert got.finish_reason == "length" or got.prompt_tokens + got.tokens < CONTEXT


async def test_cancelling_one_leaves_the_others(engine: Engine, subject: Subject) -> None:
    kept = asyncio.create_task(engine.complete(subject.judgement, Sampling(max_tokens=60, temperature=0.0)))
    dropped = asyncio.create_task(engine.complete(subject.opening, Sampling(max_tokens=900, seed=5), n=40))
    await asyncio.sleep(0.02)
    dropped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dropped
    assert (await asyncio.wait_for(kept, 60))[0].tokens > 0


async def test_a_failed_request_leaves_the_others(engine: Engine, subject: Subject) -> None:
    kept = asyncio.create_task(engine.complete(subject.judgement, Sampling(max_tokens=20, temperature=0.0)))
    with pytest.raises(ContextFull):
        await engine.complete("Sam has 5 keys. " * 400, Sampling(max_tokens=1), n=3)
    assert (await kept)[0].tokens == 20


async def test_closing_fails_what_is_in_flight_and_what_comes_later(fresh_engine: Engine, subject: Subject) -> None:
    running = [
        asyncio.create_task(fresh_engine.complete(subject.opening, Sampling(max_tokens=900, seed=i), n=8))
        for i in range(4)
    ]
    await asyncio.sleep(0.02)
    await fresh_engine.close()
    for task in running:
        with pytest.raises(EngineError, match="closed"):
            await asyncio.wait_for(task, 30)
    with pytest.raises(EngineError, match="closed"):
        await fresh_engine.complete(subject.opening, Sampling(max_tokens=1))
    await fresh_engine.close()


async def test_the_rendered_conversation_is_append_only(engine: Engine) -> None:
    turns = [Message("system", " Judge. "), Message("user", "Sam has 5 keys.\n")]
    opened = engine.render(turns, prefill="<analyze>\n")
    assert opened.endswith("<|im_start|>assistant\n<analyze>\n")
    answer = Message("assistant", "<analyze>\nfine </analyze> ")
    assert engine.render([*turns, Message("assistant", "<analyze>\nfine")], prefill=" </analyze>") == (
        opened + "fine </analyze>"
    )
    longer = engine.render([*turns, answer, Message("user", "next")], prefill="<analyze>\n")
    assert longer.startswith(opened + "fine </analyze> <|im_end|>\n")
    assert engine.render([*turns, answer]) == opened + "fine </analyze> <|im_end|>\n"


def test_one_engine_serves_several_event_loops(engine: Engine, subject: Subject) -> None:
    async def several() -> list[str]:
        jobs = [engine.complete(subject.opening, Sampling(max_tokens=5, seed=i)) for i in range(10)]
        return [completion.text for (completion,) in await asyncio.gather(*jobs)]

    assert asyncio.run(several()) == asyncio.run(several())


async def test_tokens_are_counted_and_prefixes_reused(
    engine: Engine, subject: Subject, reference: Reference
) -> None:
    """A conversation that grows is read once: its beginning comes from the cache."""
    counted: Any = engine
    long = subject.judgement * 5
    (first,) = await engine.complete(long, Sampling(max_tokens=5, temperature=0.0))
    seen, reused = counted.prompt_tokens_seen, counted.prefix_tokens_reused
    await engine.complete(long + first.text + subject.opening, Sampling(max_tokens=5, temperature=0.0))
    assert counted.prompt_tokens_seen - seen == len(reference.ids(long + first.text + subject.opening))
    if reused or counted.prefix_tokens_reused:  # a server need not say
        assert counted.prefix_tokens_reused - reused > 0.5 * len(reference.ids(long))


def test_a_model_that_is_not_there_is_refused_by_name() -> None:
    for backend in ("transformers", "vllm", "openai"):
        settings = EngineSettings(backend=backend, url="http://127.0.0.1:9")  # type: ignore[arg-type]
        with pytest.raises(EngineError, match=r"'miniature/nobody' is not shipped"):
            open_engine("miniature/nobody", settings)
