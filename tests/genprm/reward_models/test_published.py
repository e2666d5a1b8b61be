"""The registry: a hub id or a directory picks the adapter and the threshold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from genprm.data_sets.rows import InputError
from genprm.engines.base import EngineError
from genprm.prm import GenPRM
from genprm.reward_models.load import load_reward_model
from genprm.reward_models.published import PUBLISHED, Published, find_published
from genprm.settings import EngineSettings


@pytest.mark.parametrize(
    ("model", "adapter", "threshold"),
    [
        ("peiyi9979/math-shepherd-mistral-7b-prm", "math-shepherd", 0.5),
        ("RLHFlow/Llama3.1-8B-PRM-Deepseek-Data", "rlhflow", 0.5),
        ("Skywork/Skywork-o1-Open-PRM-Qwen-2.5-7B", "skywork", None),
        ("PRIME-RL/EurusPRM-Stage1", "eurus", None),
        ("PRIME-RL/EurusPRM-Stage2", "eurus", 0.5005),
        ("Qwen/Qwen2.5-Math-PRM-72B", "qwen-prm", 0.5),
        ("Qwen/Qwen2.5-Math-7B-PRM800K", "qwen-prm", 0.5),
        ("launch/ThinkPRM-14B", "thinkprm", 0.5),
    ],
)
def test_a_hub_id_picks_adapter_and_threshold(model: str, adapter: str, threshold: float | None) -> None:
    how = find_published(model)
    assert how is not None
    assert (how.adapter, how.threshold) == (adapter, threshold)


@pytest.mark.parametrize("model", ["GenPRM/GenPRM-7B", "miniature/rationale", "Qwen/Qwen2.5-Math-PRM", "/nowhere"])
def test_anything_else_is_asked_by_the_verifier(model: str) -> None:
    assert find_published(model) is None


def test_a_directory_is_known_by_the_last_part_of_its_name(tmp_path: Path) -> None:
    for name, how in PUBLISHED.items():
        place = tmp_path / name.rpartition("/")[2]
        place.mkdir()
        assert find_published(str(place)) == how


def test_a_directory_with_a_token_classifier_is_a_discriminative_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["LlamaForTokenClassification"]}))
    how = find_published(str(tmp_path))
    assert how is not None
    assert how.adapter == "token-classifier"
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
    assert find_published(str(tmp_path)) is None
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(EngineError, match=r"config.json cannot be read"):
        find_published(str(tmp_path))


def test_a_directory_that_says_so_is_a_thinkprm(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "genprm.json").write_text(json.dumps({"inference_mode": "full"}))
    assert find_published(str(tmp_path)) is None
    (tmp_path / "genprm.json").write_text(json.dumps({"adapter": "thinkprm"}))
    assert find_published(str(tmp_path)) == Published("thinkprm", generation_prompt=False)
    with pytest.raises(EngineError, match=r"was trained to verify whole solutions \(thinkprm\)"):
        GenPRM.load(tmp_path)
    (tmp_path / "genprm.json").write_text(json.dumps({"adapter": "mine"}))
    with pytest.raises(EngineError, match=r"genprm.json: adapter: Input should be 'thinkprm'"):
        find_published(str(tmp_path))


def test_a_model_that_cannot_be_asked_says_what_is_missing() -> None:
    with pytest.raises(
        EngineError, match=r"'gebro13/RetrievalPRM' cannot be asked: its prompt holds similar questions"
    ):
        find_published("gebro13/RetrievalPRM")


@pytest.mark.parametrize("checkpoint", ["qwen_prm", "skywork", "math_shepherd", "rlhflow", "universal"])
async def test_a_directory_called_as_on_the_hub_scores_steps(
    checkpoint: str, request: pytest.FixtureRequest, settings: EngineSettings
) -> None:
    place = request.getfixturevalue(checkpoint).path
    how = find_published(place)
    assert how is not None
    score = await load_reward_model(place, how, settings).score("1 + 1?", ["It is 2.", "So 2."])
    assert len(score.rewards) == 2
    assert all(0 <= reward <= 1 for reward in score.rewards)


def test_a_model_with_one_answer_takes_no_votes(qwen_prm: Any, settings: EngineSettings) -> None:
    with pytest.raises(InputError, match=r"votes is 8, allowed for model '.*': 1"):
        load_reward_model(qwen_prm.path, PUBLISHED["Qwen/Qwen2.5-Math-PRM-7B"], settings, votes=8)


def test_rewards_from_forward_passes_need_the_weights_here(qwen_prm: Any) -> None:
    server = EngineSettings(backend="openai", url="http://localhost:1/v1")
    with pytest.raises(InputError, match=r"engine is 'openai', allowed for model '.*': transformers"):
        load_reward_model(qwen_prm.path, PUBLISHED["Qwen/Qwen2.5-Math-PRM-7B"], server)
