"""A profile decides a run; what is wrong in it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from genprm.profiles import load_profile, shipped_profiles
from genprm.settings import Profile, SettingsError


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GENPRM_PROFILE", "GENPRM_SET"):
        monkeypatch.delenv(name, raising=False)


def test_miniature_is_the_default_profile() -> None:
    assert load_profile() == load_profile("miniature")


@pytest.mark.parametrize("size", ["1.5b", "7b", "32b"])
def test_paper_profiles_hold_the_values_of_the_paper(size: str) -> None:
    profile = load_profile(f"paper-{size}")
    assert profile.problems.source == "math-train"
    assert profile.solutions.model == "Qwen/Qwen2.5-7B-Instruct"
    assert profile.solutions.max_samples == 2048
    assert profile.monte_carlo.model == "Qwen/Qwen2.5-Math-7B-Instruct"
    assert [(t.below, t.rollouts) for t in profile.monte_carlo.tiers] == [(0.1, 128), (0.9, 64)]
    assert profile.monte_carlo.rollouts_otherwise == 32
    assert profile.rationales.model == "Qwen/QwQ-32B"
    assert (profile.labels.estimator, profile.labels.epsilon) == ("ratio", 0.8)
    assert list(profile.training.base.values()) == [f"deepseek-ai/DeepSeek-R1-Distill-Qwen-{size.upper()}"]
    assert (profile.training.batch_size, profile.training.learning_rate) == (64, 2e-6)
    decoding = profile.evaluation.verifier.sampling
    assert (decoding.temperature, decoding.top_p, decoding.top_k, decoding.max_tokens) == (0.6, 0.95, 20, 2048)


@pytest.mark.parametrize("size", ["1.5b", "7b"])
def test_an_adapter_is_the_only_difference(size: str) -> None:
    whole, lora = load_profile(f"paper-{size}"), load_profile(f"paper-{size}-lora")
    assert lora.training.lora is not None
    back = lora.training.model_copy(update={"lora": None, "learning_rate": whole.training.learning_rate})
    assert back == whole.training
    assert [name for name in Profile.model_fields if getattr(whole, name) != getattr(lora, name)] == [
        "name",
        "training",
    ]


def test_table_3_of_the_paper_has_eight_label_settings() -> None:
    labels = load_profile("paper-7b").labels
    settings = {(v.estimator, v.epsilon) for name in labels.variant_names() for v in [labels.variant(name)]}
    ratios = {("ratio", epsilon) for epsilon in (0.1, 0.5, 0.8, 1.0)}
    differences = {("difference", epsilon) for epsilon in (-0.1, -0.3, -0.5)}
    assert ratios | differences < settings
    assert {estimator for estimator, _ in settings - ratios - differences} == {"hard"}


def test_an_override_changes_its_section_and_no_other() -> None:
    before, after = load_profile(), load_profile(None, ["labels.epsilon=0.5"])
    changed = [name for name in Profile.model_fields if getattr(before, name) != getattr(after, name)]
    assert changed == ["labels"]


def test_overrides_apply_in_order_and_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENPRM_SET", "labels.epsilon=0.3 problems.limit=7")
    profile = load_profile(None, ["labels.epsilon=0.5"])
    assert (profile.labels.epsilon, profile.problems.limit) == (0.5, 7)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (
            "labels.epsilom=1",
            "labels.epsilom: unknown key, value 1 (allowed: estimator, epsilon, variants, source)",
        ),
        ("labels.epsilon=much", "labels.epsilon: Input should be a valid number"),
        (
            "labels.estimator=rpe",
            "labels.estimator: estimator is 'rpe', allowed: ratio, difference, hard, changepoint",
        ),
        ("solutions.sampling.top_p=2", "solutions.sampling.top_p: Input should be less than or equal to 1, got 2"),
        ("problems.shards=100", "problems.shards: Input should be less than or equal to 64, got 100"),
        ("training.variants=[soft]", "training.variants names ['soft'], labels has ['main', 'hard']"),
        ("training.batch_size=6", "training: batch_size 6 must be a multiple of device_batch_size 4"),
        ("labels.epsilon=[", "override 'labels.epsilon=[': '[' is not a YAML value"),
        ("labels", "override 'labels' is not of the form section.key=value"),
        ("labels.epsilon", "override 'labels.epsilon' is not of the form section.key=value"),
    ],
)
def test_a_wrong_override_is_named_with_what_is_allowed(override: str, expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_profile(None, [override])
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_profile_lists_the_shipped_ones() -> None:
    with pytest.raises(
        SettingsError,
        match=r"miniature, miniature-full, paper-1\.5b, paper-1\.5b-lora, paper-32b, paper-7b, paper-7b-lora",
    ):
        load_profile("paper-8b")


@pytest.mark.parametrize("text", ["labels: [", "- a\n- b\n"])
def test_a_profile_that_is_not_a_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match="broken"):
        load_profile(str(path))


def test_a_file_profile_is_named_after_its_file(tmp_path: Path) -> None:
    path = tmp_path / "Mine.yaml"
    path.write_text("labels: {estimator: hard}\n")
    assert load_profile(str(path)) == Profile(name="mine", labels={"estimator": "hard"})


def test_every_shipped_profile_is_named_after_itself_or_after_what_it_goes_on_from() -> None:
    names = {name: load_profile(name).name for name in shipped_profiles()}
    assert names == {**{name: name for name in names}, "miniature-full": "miniature"}


def test_the_full_miniature_makes_nothing_upstream_of_training_again() -> None:
    plain, full = load_profile("miniature"), load_profile("miniature-full")
    for name in ("problems", "solutions", "monte_carlo", "rationales", "consensus"):
        assert getattr(plain, name) == getattr(full, name)
    assert plain.labels.variants.items() <= full.labels.variants.items()
    recipe = {"epochs", "learning_rate", "batch_size", "max_length", "scheduler", "precision", "seed", "base"}
    assert plain.training.model_dump(include=recipe) == full.training.model_dump(include=recipe)


def test_a_profile_states_only_what_differs_from_the_one_it_extends(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "extends: miniature\nsolutions: {sampling: {top_k: 5}}\nlabels: {variants: {odd: {epsilon: 0.7}}}\n"
    )
    profile, under = load_profile(str(path)), load_profile("miniature")
    assert (profile.name, list(profile.labels.variants)) == ("mine", ["hard", "odd"])
    sampling = under.solutions.sampling.model_copy(update={"top_k": 5})
    assert profile.solutions == under.solutions.model_copy(update={"sampling": sampling})
    path.write_text("extends: nothing\n")
    with pytest.raises(SettingsError, match="'mine': extends is 'nothing', allowed: miniature, "):
        load_profile(str(path))


def test_smol_asks_as_its_rationale_model_was_trained() -> None:
    from genprm.smol.recipe import BASE, VERIFIER

    profile = load_profile("smol")
    assert set(profile.training.base.values()) == {BASE}
    assert profile.rationales.verifier == profile.evaluation.verifier == VERIFIER
    assert (profile.problems.source, profile.evaluation.subsets, profile.evaluation.limit) == (
        "svamp",
        ("gsm8k",),
        None,
    )
