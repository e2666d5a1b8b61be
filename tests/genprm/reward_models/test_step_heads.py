"""Skywork, Qwen2.5-Math-PRM and token classifiers: the reward is what the head makes of the state at the mark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForTokenClassification

from genprm.engines.base import EngineError
from genprm.records import StepwiseSolution
from genprm.reward_models.qwen_prm import load_qwen
from genprm.reward_models.skywork import load_skywork
from genprm.reward_models.token_classifier import load_token_classifier
from genprm.settings import EngineSettings

PROBLEM = "Sam has 3 keys and buys 4 more. How many keys has Sam?"
STEPS = ["Sam buys 4 keys.", "3 + 4 = 8 keys,\n\n so Sam has 8.", "The answer is \\boxed{8}."]
SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."


def ids_of(tokenizer: Any, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


async def test_skywork_is_the_sigmoid_of_the_value_head_at_the_newline_behind_each_step(
    skywork: Any, settings: EngineSettings
) -> None:
    score = await load_skywork(skywork.path, settings).score(PROBLEM, STEPS)

    newline = ids_of(skywork.tokenizer, "\n")[-1]
    ids = ids_of(skywork.tokenizer, f"<|endoftext|>{PROBLEM}\n")
    assert ids[0] == skywork.tokenizer.bos_token_id
    expected = []
    for step in [STEPS[0], "3 + 4 = 8 keys,   so Sam has 8.", STEPS[2]]:
        ids += [*ids_of(skywork.tokenizer, step), newline]
        weight, bias = (skywork.head[f"v_head.summary.{part}"].double() for part in ("weight", "bias"))
        expected.append(1 / (1 + float(torch.exp(-(weight[0] @ skywork.state(ids) + bias[0])))))
    assert score.rewards == pytest.approx(expected, abs=1e-5)
    assert score.path_rewards == [score.rewards]
    assert score.prompt_tokens == len(ids)
    assert ids.count(newline) == 4, "one behind the problem and one behind each step"


async def test_qwen_is_the_probability_of_the_second_class_at_each_extra_token(
    qwen_prm: Any, settings: EngineSettings
) -> None:
    score = await load_qwen(qwen_prm.path, settings).score(PROBLEM, STEPS)

    # The published way: write the mark into the text. It is a special token here, so both ways must agree.
    text = (
        f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{PROBLEM}<|im_end|>\n<|im_start|>assistant\n"
        + "".join(f"{step}<extra_0>" for step in STEPS)
        + "<|im_end|>\n"
    )
    ids = ids_of(qwen_prm.tokenizer, text)
    mark = qwen_prm.tokenizer.convert_tokens_to_ids("<extra_0>")
    marks = [position for position, token in enumerate(ids) if token == mark]
    assert len(marks) == 3
    expected = []
    head = {name.removeprefix("score."): tensor.double() for name, tensor in qwen_prm.head.items()}
    for position in marks:
        inner = torch.clamp(head["0.weight"] @ qwen_prm.state(ids[: position + 1]) + head["0.bias"], min=0)
        wrong, right = (head["2.weight"] @ inner + head["2.bias"]).tolist()
        expected.append(1 / (1 + torch.tensor(wrong - right).double().exp().item()))
    assert score.rewards == pytest.approx(expected, abs=1e-5)
    assert score.prompt_tokens == len(ids)
    assert len(set(score.rewards)) == 3


async def test_a_mark_in_the_text_of_a_step_is_not_taken_for_the_end_of_a_step(
    qwen_prm: Any, settings: EngineSettings
) -> None:
    score = await load_qwen(qwen_prm.path, settings).score(PROBLEM, ["Write <extra_0> here.", "Done."])
    assert len(score.rewards) == 2


async def test_a_token_classifier_is_the_probability_of_right_at_the_newline(
    tmp_path: Path, skywork: Any, settings: EngineSettings
) -> None:
    torch.manual_seed(5)
    config = LlamaConfig(
        vocab_size=len(skywork.tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_labels=2, eos_token_id=2,
    )  # fmt: skip
    network = LlamaForTokenClassification(config).eval()
    network.save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(skywork.path)
    tokenizer.bos_token = None
    tokenizer.save_pretrained(tmp_path)

    score = await load_token_classifier(str(tmp_path), settings).score(PROBLEM, STEPS)

    ids = ids_of(tokenizer, PROBLEM + "\n")
    expected = []
    for step in STEPS:
        ids += [*ids_of(tokenizer, step.replace("\n\n", "")), *ids_of(tokenizer, "\n")]
        with torch.no_grad():
            expected.append(network(torch.tensor([ids])).logits[0, -1].softmax(-1)[1].item())
    assert score.rewards == pytest.approx(expected, abs=1e-5)


async def test_many_solutions_score_as_each_alone(qwen_prm: Any, settings: EngineSettings) -> None:
    model = load_qwen(qwen_prm.path, settings)
    solutions = [
        StepwiseSolution(PROBLEM, tuple(STEPS)),
        StepwiseSolution("1 + 1?", ("2.",)),
        StepwiseSolution(PROBLEM * 3, tuple(STEPS[:2])),
    ]
    finished: list[int] = []
    together = await model.score_many(solutions, finished.append)
    for solution, score in zip(solutions, together, strict=True):
        alone = await model.score(solution.problem, solution.steps)
        assert score.rewards == pytest.approx(alone.rewards, abs=1e-5)
    assert finished == [1, 1, 1]


def test_skywork_without_a_bos_token_is_refused(
    tmp_path: Path, skywork: Any, settings: EngineSettings, copied: Any
) -> None:
    place = copied(skywork)
    tokenizer = AutoTokenizer.from_pretrained(place)
    tokenizer.bos_token = None
    tokenizer.save_pretrained(place)
    with pytest.raises(EngineError, match="no BOS token"):
        load_skywork(str(place), settings)
