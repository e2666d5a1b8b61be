"""The registry: a hub id or a directory picks the adapter and the threshold, and any package can add one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from genprm.data_sets.rows import InputError
from genprm.engines.base import EngineError
from genprm.prm import GenPRM
from genprm.reward_models.registry import Adapter, adapters, find_adapter, register
from genprm.settings import EngineSettings
from tests.genprm.reward_models.conftest import open_model


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
    found = find_adapter(model)
    assert (found.adapter.name, found.threshold) == (adapter, threshold)


@pytest.mark.parametrize("model", ["GenPRM/GenPRM-7B", "miniature/rationale", "Qwen/Qwen2.5-Math-PRM", "/nowhere"])
def test_anything_else_is_asked_by_the_verifier(model: str) -> None:
    assert find_adapter(model).adapter.name == "genprm"


def test_a_directory_is_known_by_the_last_part_of_its_name(tmp_path: Path) -> None:
    for adapter in adapters().values():
        for name, threshold in adapter.published.items():
            place = tmp_path / name.rpartition("/")[2]
            place.mkdir()
            assert find_adapter(str(place)) == (adapter, threshold)


def test_a_directory_with_a_token_classifier_is_a_discriminative_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["LlamaForTokenClassification"]}))
    assert find_adapter(str(tmp_path)).adapter.name == "token-classifier"
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
    assert find_adapter(str(tmp_path)).adapter.name == "genprm"
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(EngineError, match=r"config.json cannot be read"):
        find_adapter(str(tmp_path))


def test_a_directory_that_says_so_is_a_thinkprm(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "genprm.json").write_text(json.dumps({"inference_mode": "full"}))
    assert find_adapter(str(tmp_path)).adapter.name == "genprm"
    (tmp_path / "genprm.json").write_text(json.dumps({"adapter": "thinkprm"}))
    assert find_adapter(str(tmp_path)).adapter.name == "thinkprm"
    with pytest.raises(EngineError, match=r"was trained to verify whole solutions \(thinkprm\)"):
        GenPRM.load(tmp_path)
    (tmp_path / "genprm.json").write_text(json.dumps({"adapter": "mine"}))
    with pytest.raises(EngineError, match=r"adapter is 'mine', allowed: dyve, eurus, genprm"):
        find_adapter(str(tmp_path))


def test_a_model_that_cannot_be_asked_says_what_is_missing(settings: EngineSettings) -> None:
    with pytest.raises(
        EngineError, match=r"'gebro13/RetrievalPRM' cannot be asked: its prompt holds similar questions"
    ):
        open_model("gebro13/RetrievalPRM", settings)


@pytest.mark.parametrize("checkpoint", ["qwen_prm", "skywork", "math_shepherd", "rlhflow", "universal"])
async def test_a_directory_called_as_on_the_hub_scores_steps(
    checkpoint: str, request: pytest.FixtureRequest, settings: EngineSettings
) -> None:
    place = request.getfixturevalue(checkpoint).path
    score = await open_model(place, settings).score("1 + 1?", ["It is 2.", "So 2."])
    assert len(score.rewards) == 2
    assert all(0 <= reward <= 1 for reward in score.rewards)


def test_a_model_with_one_answer_takes_no_votes(qwen_prm: Any, settings: EngineSettings) -> None:
    with pytest.raises(InputError, match=r"votes is 8, allowed for model '.*': 1"):
        open_model(qwen_prm.path, settings, votes=8)


def test_rewards_from_forward_passes_need_the_weights_here(qwen_prm: Any) -> None:
    server = EngineSettings(backend="openai", url="http://localhost:1/v1")
    with pytest.raises(InputError, match=r"engine is 'openai', allowed for model '.*': transformers"):
        open_model(qwen_prm.path, server)


def test_two_models_cannot_have_one_name() -> None:
    with pytest.raises(ValueError, match="two reward models register as 'dyve'"):
        register(Adapter("dyve", adapters()["dyve"].open, {}))


def test_looking_a_model_up_imports_no_library_of_networks() -> None:
    script = (
        "import sys; from genprm.reward_models.registry import find_adapter; find_adapter('any/model');"
        "print({'torch', 'transformers', 'vllm', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


ELSEWHERE = '''
"""A reward model that trusts short steps, in one file."""

from genprm.reward_models.base import RewardModel, SolutionScore
from genprm.reward_models.registry import Adapter, register


class Short(RewardModel):
    name = "me/short-prm"

    async def score_many(self, solutions, progress=None):
        scores = []
        for solution in solutions:
            rewards = [1.0 if len(step) < 17 else 0.25 for step in solution.steps]
            scores.append(SolutionScore(rewards, [rewards], prompt_tokens=0))
            progress(1)
        return scores


register(Adapter("short", lambda model, machine, asking: Short(), {"me/short-prm": 0.5}))
'''


def test_a_reward_model_is_one_file_of_any_package(tmp_path: Path) -> None:
    """Installed as a package is: a file, and an entry point that names it."""
    (tmp_path / "short_prm.py").write_text(ELSEWHERE)
    info = tmp_path / "short_prm-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: short-prm\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[genprm.reward_models]\nshort = short_prm\n")
    folder = tmp_path / "data" / "processbench"
    folder.mkdir(parents=True)
    fields = {"generator": "g", "problem": "How many?", "final_answer_correct": True}
    steps = ["1 + 1 = 2.", "2 + 2 makes it five."]
    rows = [
        {"id": "a", "steps": steps, "label": 1, **fields},
        {"id": "b", "steps": steps[:1], "label": -1, **fields},
    ]
    (folder / "math.json").write_text(json.dumps(rows))

    command = ["evaluate", "processbench", "--model", "me/short-prm", "--subset", "math", "--json", "--data"]
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "genprm.cli", *command, str(tmp_path / "data")],
        env={**os.environ, "PYTHONPATH": paths, "GENPRM_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["subsets"]["math"]["error_acc"], report["subsets"]["math"]["correct_acc"]) == (100.0, 100.0)
    assert Path(report["predictions"]).parent.name == "me-short-prm.short.maj1.math"
