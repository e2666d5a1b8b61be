"""Every number of the recipe."""

from __future__ import annotations

from dataclasses import dataclass

from genprm.settings import SamplingSettings, TrainingSettings, TurnFormat, VerifierSettings

BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
HELD_OUT_SHARE = 0.1
"""Share of the problems, chosen by their ids, that are held out from training."""

POLICY_CONVERSATIONS = 1200
"""Number of human solutions that a policy learns from."""

VERIFIER = VerifierSettings(
    sampling=SamplingSettings(temperature=0.6, top_p=0.95, top_k=20, max_tokens=300),
    format=TurnFormat(analyze_lead="", verify_lead=""),
)
"""How the model is asked, in training as at inference. The lead-ins of the published models are of no use to a
small model, and each token costs time."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the training conversations are made.

    A share `wrong_share` of them ends with a wrong step. A problem has at most `longest_problem` characters, and a
    solution `most_sentences` sentences: longer ones cost more than they teach. A sentence is put into the step of
    the one before with probability `joined_share`, at most `most_joined` together. `seed` decides problems,
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
