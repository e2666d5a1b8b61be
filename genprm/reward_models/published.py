"""Which adapter reads which published checkpoint, and the threshold its authors set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from genprm.engines.base import EngineError
from genprm.manifest import read_manifest

ForwardAdapter = Literal[
    "math-shepherd", "rlhflow", "skywork", "eurus", "qwen-prm", "universal", "token-classifier"
]
"""Adapters that read rewards from forward passes."""
GenerativeAdapter = Literal["dyve", "thinkprm"]
"""Adapters whose models write before they judge."""


@dataclass(frozen=True, slots=True)
class Published:
    """How a checkpoint is read. A step is wrong when its reward is below `threshold`; None: tuned on GSM8K."""

    adapter: ForwardAdapter | GenerativeAdapter
    threshold: float | None = 0.5
    generation_prompt: bool = True
    """Whether the answers of a ThinkPRM begin as the template's generation prompt does, or as finished turns do."""


PUBLISHED: Mapping[str, Published] = {
    "peiyi9979/math-shepherd-mistral-7b-prm": Published("math-shepherd"),
    "RLHFlow/Llama3.1-8B-PRM-Mistral-Data": Published("rlhflow"),
    "RLHFlow/Llama3.1-8B-PRM-Deepseek-Data": Published("rlhflow"),
    "Skywork/Skywork-o1-Open-PRM-Qwen-2.5-1.5B": Published("skywork", threshold=None),
    "Skywork/Skywork-o1-Open-PRM-Qwen-2.5-7B": Published("skywork", threshold=None),
    "PRIME-RL/EurusPRM-Stage1": Published("eurus", threshold=None),
    "PRIME-RL/EurusPRM-Stage2": Published("eurus", threshold=0.5005),
    "Qwen/Qwen2.5-Math-PRM-7B": Published("qwen-prm"),
    "Qwen/Qwen2.5-Math-PRM-72B": Published("qwen-prm"),
    "Qwen/Qwen2.5-Math-7B-PRM800K": Published("qwen-prm"),
    "infly/Universal-PRM-7B": Published("universal"),
    "Jianyuan1/deepseek-r1-14b-cot-math-reasoning-full": Published("dyve"),
    "launch/ThinkPRM-1.5B": Published("thinkprm"),
    "launch/ThinkPRM-7B": Published("thinkprm"),
    "launch/ThinkPRM-14B": Published("thinkprm"),
}
"""By hub id. GenPRM's own checkpoints need no adapter: the verifier asks them."""

UNAVAILABLE: Mapping[str, str] = {
    "gebro13/RetrievalPRM": (
        "its prompt holds similar questions and steps from a retrieval pool, and neither the pool's index nor the "
        "wording of the prompt is documented on its public card"
    ),
}
"""Published weights that cannot be asked as their authors do, and why."""

_TOKEN_CLASSIFIER = "ForTokenClassification"


def find_published(model: str) -> Published | None:
    """How the checkpoint `model` is read: a hub id, or a directory called like the last part of one.

    A directory whose `config.json` names an architecture `...ForTokenClassification` is a discriminative model as
    trained here, and one whose `genprm.json` says so a ThinkPRM. None for everything else.

    Raises:
        EngineError: the checkpoint is one that cannot be asked; the message says why.
    """
    directory = Path(model)
    local = directory.is_dir()
    for name in (*UNAVAILABLE, *PUBLISHED):
        if model == name or (local and directory.resolve().name == name.rpartition("/")[2]):
            if name in UNAVAILABLE:
                raise EngineError(f"model {model!r} cannot be asked: {UNAVAILABLE[name]}")
            return PUBLISHED[name]
    if local and _is_think_prm(directory):
        return Published("thinkprm", generation_prompt=False)
    return Published("token-classifier") if local and _is_token_classifier(directory) else None


def _is_think_prm(directory: Path) -> bool:
    try:
        manifest = read_manifest(directory)
    except ValueError as error:
        raise EngineError(f"model {str(directory)!r}: {error}") from None
    return manifest is not None and manifest.adapter == "thinkprm"


def _is_token_classifier(directory: Path) -> bool:
    config = directory / "config.json"
    if not config.is_file():
        return False
    try:
        architectures = json.loads(config.read_text()).get("architectures") or []
    except (ValueError, AttributeError) as error:
        raise EngineError(f"model {str(directory)!r}: config.json cannot be read: {error}") from None
    return any(str(name).endswith(_TOKEN_CLASSIFIER) for name in architectures)
