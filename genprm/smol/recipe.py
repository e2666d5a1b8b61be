"""Every number of the recipe."""

from __future__ import annotations

from dataclasses import dataclass

from genprm.settings import SamplingSettings, TrainingSettings, TurnFormat, VerifierSettings

BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
HELD_OUT_SHARE = 0.1
"""Share of the problems, by their ids, that nothing is trained on."""

POLICY_CONVERSATIONS = 1200
"""Human solutions that a policy learns from."""

VERIFIER = VerifierSettings(
    sampling=SamplingSettings(temperature=0.6, top_p=0.95, top_k=20, max_tokens=300),
    format=TurnFormat(analyze_lead="", verify_lead=""),
)
"""How the model is asked, in training as at inference. The lead-ins of the published models say nothing that a
small model could use, and each token is paid for."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the training conversations are.

    `wrong_share` of them end with a wrong step. A problem has at most `longest_problem` characters, and a solution
    `most_sentences` sentences: what is longer costs more than it teaches. In `joined_share` of the places a
    sentence stands in one step with the one before, at most `most_joined` together. `seed` decides problems,
    mistakes and wording.
    """

    conversations: int = 4000
    wrong_share: float = 0.7
    longest_problem: int = 300
    most_sentences: int = 5
    joined_share: float = 0.35
    most_joined: int = 3
    seed: int = 0


def training_settings(seed: int) -> TrainingSettings:
    """Supervised fine-tuning of all weights, once over the conversations."""
    return TrainingSettings(
        base={"smollm2-135m": BASE},
        epochs=1,
        learning_rate=5e-4,
        batch_size=4,
        device_batch_size=1,
        max_length=1536,
        warmup_ratio=0.05,
        scheduler="cosine",
        precision="bf16",
        seed=seed,
    )
