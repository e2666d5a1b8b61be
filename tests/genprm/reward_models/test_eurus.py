"""EurusPRM: rewards from how much likelier the response is than under the reference."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genprm.engines.base import EngineError
from genprm.records import StepwiseSolution
from genprm.reward_models.eurus import load_eurus, reference_of
from genprm.reward_models.registry import find_adapter
from genprm.settings import EngineSettings, EurusSettings

PROBLEM = "Sam has 3 keys and buys 4 more. How many keys has Sam?"
STEPS = ["Sam buys 4 keys.", "3 + 4 = 8 keys.", "The answer is \\boxed{8}."]


async def test_a_reward_is_the_sigmoid_of_the_log_likelihood_ratio_up_to_the_end_of_its_step(
    eurus: Any, eurus_reference: Any, settings: EngineSettings
) -> None:
    asked = EurusSettings(reference=eurus_reference.path, step_ends="last character")
    score = await load_eurus(eurus.path, settings, asked).score(PROBLEM, STEPS)

    prompt = f"<|im_start|>user\n{PROBLEM}<|im_end|>\n<|im_start|>assistant\n"
    solution = "\n\n".join(f"Step {n}: {step}" for n, step in enumerate(STEPS, start=1))
    encoded = eurus.tokenizer(
        prompt + solution + "<|im_end|>\n", add_special_tokens=False, return_offsets_mapping=True
    )
    ids, spans = encoded["input_ids"], encoded["offset_mapping"]
    own, other = (checkpoint.log_probabilities(ids) for checkpoint in (eurus, eurus_reference))
    ratio, expected, begun = 0.0, [], 0
    ends = [(prompt + solution).index(step) + len(step) for step in STEPS]
    for position, (begin, end) in enumerate(spans):
        if len(prompt) <= begin < len(prompt + solution):
            ratio += own[position - 1] - other[position - 1]
            if begun < len(ends) and end >= ends[begun]:
                expected.append(float(torch.sigmoid(torch.tensor(0.005 * ratio).double())))
                begun += 1
    assert score.rewards == pytest.approx(expected, abs=1e-5)
    assert len({round(reward, 4) for reward in expected}) == 3
    assert score.prompt_tokens == 2 * len(ids), "both models read the chat"


async def test_rewards_are_those_of_the_released_script(
    eurus: Any, eurus_reference: Any, settings: EngineSettings
) -> None:
    """`build_item_tensors` and `inference` of PRIME-RL/ImplicitPRM's `eval/processbench.py`, written down anew."""
    tokenizer = eurus.tokenizer
    answer = [f"Step {n}: {step}" for n, step in enumerate(STEPS, start=1)]

    def chat(steps: list[str]) -> str:
        messages = [{"role": "user", "content": PROBLEM}, {"role": "assistant", "content": "\n\n".join(steps)}]
        return str(tokenizer.apply_chat_template(messages, tokenize=False))

    ids = tokenizer.encode(chat(answer), add_special_tokens=False)
    boundaries = []
    for count in range(len(answer) + 1):
        text = chat(answer[:count]).strip()
        if count not in (0, len(answer)):
            text += "\n\n"
        boundaries.append(len(tokenizer.encode(text, add_special_tokens=False)) - 2)
    own, other = (checkpoint.log_probabilities(ids) for checkpoint in (eurus, eurus_reference))
    ratios = torch.tensor([own[p] - other[p] for p in range(len(ids) - 1)], dtype=torch.float64)
    ratios[: boundaries[0]] = 0.0
    sums = (0.005 * ratios).cumsum(0)
    expected = [float(torch.sigmoid(sums[min(end, len(ids) - 2)])) for end in boundaries[1:]]

    released = EurusSettings(reference=eurus_reference.path)
    score = await load_eurus(eurus.path, settings, released).score(PROBLEM, STEPS)
    assert score.rewards == pytest.approx(expected, abs=1e-6)
    by_character = EurusSettings(reference=eurus_reference.path, step_ends="last character")
    other_ends = await load_eurus(eurus.path, settings, by_character).score(PROBLEM, STEPS)
    assert other_ends.rewards != pytest.approx(expected, abs=1e-6)


def test_stage_2_has_the_reference_factor_and_threshold_of_the_released_script() -> None:
    """`process_eval.sh`: --ref_model_path Qwen2.5-7B-Instruct, --coef 0.005, --best_threshold 0.5005."""
    assert EurusSettings().beta == 0.005
    assert reference_of("PRIME-RL/EurusPRM-Stage2") == "Qwen/Qwen2.5-7B-Instruct"
    assert find_adapter("PRIME-RL/EurusPRM-Stage2").threshold == 0.5005
    assert find_adapter("PRIME-RL/EurusPRM-Stage1").threshold is None


async def test_a_model_that_is_its_own_reference_has_no_opinion(eurus: Any, settings: EngineSettings) -> None:
    score = await load_eurus(eurus.path, settings, EurusSettings(reference=eurus.path)).score(PROBLEM, STEPS)
    assert score.rewards == [0.5, 0.5, 0.5]


async def test_many_solutions_score_as_each_alone(
    eurus: Any, eurus_reference: Any, settings: EngineSettings
) -> None:
    model = load_eurus(eurus.path, settings, EurusSettings(reference=eurus_reference.path))
    solutions = [StepwiseSolution(PROBLEM, tuple(STEPS)), StepwiseSolution("1 + 1?", ("2.",))]
    for solution, score in zip(solutions, await model.score_many(solutions), strict=True):
        assert score.rewards == pytest.approx(
            (await model.score(solution.problem, solution.steps)).rewards, abs=1e-5
        )


def test_a_reference_with_another_vocabulary_is_refused(
    eurus: Any, math_shepherd: Any, settings: EngineSettings
) -> None:
    with pytest.raises(EngineError, match="a reference shares the vocabulary"):
        load_eurus(eurus.path, settings, EurusSettings(reference=math_shepherd.path))


async def test_a_closed_model_says_so(eurus: Any, settings: EngineSettings) -> None:
    model = load_eurus(eurus.path, settings, EurusSettings(reference=eurus.path))
    await model.close()
    with pytest.raises(EngineError, match="is closed"):
        await model.score(PROBLEM, STEPS)
