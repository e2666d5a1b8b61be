"""What goes to a hub: it loads as what it was, and its card says what the run measured."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from datasets import load_dataset
from huggingface_hub import DatasetCard, ModelCard
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from genprm import GenPRM
from genprm.checkpoints import Checkpoint, write_checkpoint
from genprm.data_sets.rows import InputError
from genprm.engines import resolve_model
from genprm.hub.export import export_data, export_model, public_name
from genprm.manifest import read_manifest, write_manifest
from genprm.modes import Mode
from genprm.results.measures import Measure, Metric, Table, Unit
from genprm.settings import TrainingSettings
from genprm.store import TableStore

RATIONALE = "miniature/rationale"
PROBLEM = "Tom has 3 keys and gets 4 more. How many keys does Tom have?"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("hub") / "judge"
    export_model(RATIONALE, out, "someone/judge", "mit")
    return out


def rewards(model: str | Path) -> list[float]:
    with GenPRM.load(model) as prm:
        return prm.score(PROBLEM, ["3 + 4 = 7", "7 + 1 = 9"], mode=Mode.COT).rewards


def test_what_was_exported_gives_the_same_rewards(exported: Path) -> None:
    assert rewards(exported) == rewards(RATIONALE)


def test_transformers_loads_it_without_genprm(exported: Path) -> None:
    source = AutoTokenizer.from_pretrained(resolve_model(RATIONALE))
    chat = [{"role": "user", "content": "1 + 1?"}]
    loaded = AutoTokenizer.from_pretrained(exported)
    assert loaded.apply_chat_template(chat, tokenize=False) == source.apply_chat_template(chat, tokenize=False)
    assert AutoModelForCausalLM.from_pretrained(exported).num_parameters() > 1_000_000
    sampling = GenerationConfig.from_pretrained(exported)
    verifier = read_manifest(exported).verifier.sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k) == (
        *(verifier.temperature, verifier.top_p, verifier.top_k),
    )


def test_the_card_of_a_model_that_no_run_made(exported: Path) -> None:
    card = ModelCard.load(exported / "README.md")
    assert (card.data.license, card.data.library_name) == ("mit", "transformers")
    digest = hashlib.sha256((exported / "model.safetensors").read_bytes()).hexdigest()
    assert digest in card.text
    assert 'GenPRM.load("someone/judge")' in card.text
    assert "Not measured: these weights are not the current checkpoint of a run." in card.text
    assert "\n\n\n" not in card.text


def run_with_a_checkpoint(home: Path) -> tuple[TableStore, Path]:
    """A run `tale` whose model `m.main.full` has a checkpoint: the shipped weights, with a manifest."""
    store = TableStore(home / "tale")
    weights = store.folder("checkpoints", "m.main.full") / "0123456789abcdef"
    shutil.copytree(resolve_model(RATIONALE), weights)
    settings = TrainingSettings(base={"m": str(home / "secret" / "base-model")}).model_dump(mode="json")
    write_manifest(
        weights,
        {
            "inference_mode": "full",
            "base": str(home / "secret" / "base-model"),
            "settings": settings,
            "examples": 7,
        },
    )
    (weights / "losses.json").write_text("[]")
    write_checkpoint(store, Checkpoint("m.main.full", "full", str(weights), "feedbeef00000000", "run"))
    return store, weights


def f1(model: str, value: float) -> Measure:
    return Measure(
        table=Table.JUDGES,
        metric=Metric.F1,
        value=value,
        unit=Unit.PERCENT,
        count=40,
        low=value - 5,
        high=value + 5,
        model=model,
        subset="gsm8k",
        votes=8,
    )


def test_the_card_says_what_the_run_measured_and_how_the_weights_were_made(tmp_path: Path) -> None:
    store, weights = run_with_a_checkpoint(tmp_path)
    store.write(Measure, "leaderboard", [f1("m.main.full", 71.25), f1("rationale", 90.0)])
    out = tmp_path / "out"
    export_model(str(weights), out)

    card = ModelCard.load(out / "README.md")
    [result] = card.data.eval_results
    assert (result.metric_value, result.dataset_config) == (71.25, "gsm8k")
    assert "| gsm8k | F1 Maj@8 | 71.2 | 66.2 to 76.2 | 40 |" in card.text
    assert "90.0" not in card.text
    for fact in ("| profile | tale |", "m.main.full", "feedbeef00000000", "| conversations | 7 |"):
        assert fact in card.text


def test_measures_of_older_weights_are_not_shown(tmp_path: Path) -> None:
    store, weights = run_with_a_checkpoint(tmp_path)
    store.write(Measure, "leaderboard", [f1("m.main.full", 71.25)])
    before = weights.parent.joinpath("checkpoint.json").stat().st_mtime - 60
    os.utime(store.path("leaderboard"), (before, before))
    facts = export_model(str(weights), tmp_path / "out")
    assert facts.not_measured.endswith("no leaderboard that is newer than these weights.")
    assert ModelCard.load(tmp_path / "out" / "README.md").data.eval_results is None


def test_nothing_says_where_it_lay_on_this_machine(tmp_path: Path) -> None:
    _, weights = run_with_a_checkpoint(tmp_path)
    adapter = weights / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": f"{tmp_path}/base"}))
    out = tmp_path / "out"
    export_model(str(weights), out)
    texts = [file.read_text() for file in out.rglob("*") if file.suffix in (".json", ".md", ".jinja")]
    assert not [text for text in texts if str(tmp_path) in text]
    assert json.loads((out / "adapter" / "adapter_config.json").read_text()) == {"base_model_name_or_path": "base"}
    assert not (out / "losses.json").exists()


def test_a_hub_id_is_a_public_name_already() -> None:
    assert public_name("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B") == "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"


def test_a_data_set_is_read_back_by_datasets(tmp_path: Path) -> None:
    rows = [
        {"problem": "1 + 1?", "steps": ["a", "b"], "labels": [1, 0]},
        {"problem": "2 + 2?", "steps": ["c"], "labels": [1]},
    ]
    file, out = tmp_path / "labels.jsonl", tmp_path / "out"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    export_data(rows, file, out, "someone/labels")

    read = load_dataset(str(out), split="train", cache_dir=str(tmp_path / "cache"))
    assert read.to_list() == rows
    card = DatasetCard.load(out / "README.md")
    assert card.data.size_categories == ["n<1K"]
    assert "| steps labelled wrong | 1 |" in card.text
    assert "| solutions with a wrong step | 1 |" in card.text


def test_what_is_there_is_not_overwritten(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not empty, allowed: a new or an empty one"):
        export_model(RATIONALE, exported)
    with pytest.raises(InputError, match=r"allowed: a directory with \*.safetensors"):
        export_model("someone/on-the-hub", tmp_path / "out")
    with pytest.raises(InputError, match="has no rows"):
        export_data([], tmp_path / "x.jsonl", tmp_path / "out")
    assert not (tmp_path / "out").exists()
