"""The network, its layout on disk, the sampler, and the shipped weights."""

import random
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from genprm.miniature.foundry.documents import prompt
from genprm.miniature.foundry.measure import (
    calculate_snippet,
    first_below,
    judged_set,
    mean_rewards,
    sample_solutions,
    score,
    verify_talk,
)
from genprm.miniature.foundry.network import Network, Shape, load_model, save_model
from genprm.miniature.foundry.sampler import JUDGING, Read, Sampler, Sampling, Write
from genprm.miniature.foundry.train import MODELS, SHIPPED
from genprm.miniature.world.generation import generate_problems
from genprm.miniature.world.judge import Judgement
from genprm.miniature.world.solutions import right_steps

SMALL = Shape(width=64, layers=2, heads=2, inner=96, positions=512)
TEXT = prompt("Solve", "How many figs does Zopim have in the end? (1) Zopim has 13 figs. (2) Zopim buys 8 figs.")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model")
    save_model(Network(SMALL), path)
    return path


def test_network_is_the_llama_of_transformers(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids = tokenizer(TEXT, return_tensors="pt", add_special_tokens=False).input_ids
    expected = model(ids, labels=ids).loss.item()
    targets = torch.cat([ids[:, 1:], torch.full((1, 1), -100)], 1)
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        loss = load_model(folder)(ids, targets, (targets >= 0).float()).item()
    assert loss == pytest.approx(expected, rel=0.01)


def test_sampler_writes_what_transformers_writes(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    encoded = tokenizer(TEXT, return_tensors="pt", add_special_tokens=False)
    wanted = model.generate(**encoded, max_new_tokens=12, do_sample=False)[0, encoded.input_ids.shape[1] :]

    def talk(text: str):  # type: ignore[no-untyped-def]
        yield Read(text)
        return (yield Write(limit=12))

    # A different neighbour in the batch, and fewer rows than conversations.
    results = Sampler(folder, rows=2, longest=256).run([talk("1 + 1"), talk(TEXT), talk(TEXT)], Sampling(0))
    assert results[1] == results[2] == tokenizer.decode(wanted)


def test_interrupted_weights_never_appear(folder: Path, tmp_path: Path) -> None:
    save_model(load_model(folder), tmp_path, torch.bfloat16)
    assert not list(tmp_path.glob("*.partial"))
    assert {p.name for p in tmp_path.iterdir()} >= {"model.safetensors", "config.json", "tokenizer.json"}


def test_foreign_output_biases_are_refused(folder: Path, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.model.layers[0].self_attn.o_proj.bias.data.fill_(1.0)
    model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="o_proj"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("expected = 5 + 7\nprint(expected, expected == 12)", "12 True"),
        ("expected = 12 // 5\nprint(expected, expected == 2)", "2 True"),
        ("expected = 5 - 7\nprint(expected, expected == 2)", "-2 False"),
        ("expected = 12\nprint(expected, expected == 13)", "12 False"),
        ("expected = None\nprint(expected, expected == 13)", "None False"),
        ("expected = 5 + 7\nfinal = False\nprint(expected, expected == 12 and final)", "12 False"),
        ("expected = 5 + 7\nfinal = True\nprint(expected, expected == 12 and final)", "12 True"),
        ("expected = 5 // 0\nprint(expected, expected == 12)", "ZeroDivisionError"),
        ("expected = 5 + 7\nprint(expected, expected == 12 and final)", "NameError"),
        ("expected = (5\nprint(expected)", "SyntaxError"),
    ],
)
def test_calculated_snippets_print_what_python_prints(code: str, printed: str) -> None:
    assert calculate_snippet(code) == printed
    if not printed.endswith("Error"):
        lines: list[str] = []
        exec(code, {"print": lambda *values: lines.append(" ".join(map(str, values)))})
        assert lines == [printed]


def test_scores_and_votes() -> None:
    truths = [Judgement(1, "arith"), Judgement(0, "fact"), Judgement(-1, None)]
    table = score([1, 1, -1], truths)
    assert (table["error"], table["correct"], table["f1"]) == (50.0, 100.0, 66.7)
    assert table["recall"] == {"arith": "1.00 (1)", "fact": "0.00 (1)", "right": "1.00 (1)"}
    assert first_below([0.9, 0.5, 0.4]) == 2
    assert mean_rewards([[0.9, 0.2], [0.7, 0.8, 0.6]]) == pytest.approx([0.8, 0.5, 0.4])


@pytest.mark.parametrize("name", MODELS)
def test_shipped_models_load_and_answer_in_their_format(name: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(SHIPPED / name)
    model = AutoModelForCausalLM.from_pretrained(SHIPPED / name)
    assert model.dtype == torch.bfloat16
    text = tokenizer.apply_chat_template([{"role": "user", "content": "x"}], tokenize=False)
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False).input_ids) == text


def test_shipped_weights_are_small() -> None:
    assert sum(p.stat().st_size for p in SHIPPED.rglob("*") if p.is_file()) <= 12 << 20


def test_shipped_policy_solves_and_errs_on_problems_it_never_saw() -> None:
    problems = generate_problems("evaluation", 60, seed=random.Random(5).randrange(1000))
    solved = sample_solutions(Sampler(SHIPPED / "policy", longest=400), problems, Sampling(0.7))
    accuracy = sum(s.correct for s in solved) / len(solved)
    assert 0.2 < accuracy < 0.95
    assert judged_set(solved, 60)


def test_shipped_rationale_model_accepts_right_steps_and_finds_a_slip() -> None:
    problems = generate_problems("evaluation", 30, seed=8)
    sampler = Sampler(SHIPPED / "rationale")
    right = [right_steps(problem) for problem in problems]
    wrong = [[step.replace("= ", "= 1", 1) for step in steps[:1]] for steps in right]
    for group, wanted in ((right, -1), (wrong, 0)):
        talks = [verify_talk(p, s, "full", calculate_snippet) for p, s in zip(problems, group, strict=True)]
        found = [first_below(rewards) for rewards in sampler.run(talks, JUDGING) if isinstance(rewards, list)]
        assert sum(f == wanted for f in found) > 0.5 * len(problems)
