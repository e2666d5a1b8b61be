"""RetrievalPRM: known by name, and refused with the reason."""

from __future__ import annotations

from genprm.engines.base import EngineError
from genprm.reward_models.base import Asking, RewardModel
from genprm.reward_models.registry import Adapter, Machine, register
from genprm.verification.rewards import THRESHOLD


def refuse(model: str, machine: Machine, asking: Asking) -> RewardModel:
    """Nothing is opened.

    Raises:
        EngineError: always; its authors do not publish all that is needed to ask it.
    """
    raise EngineError(
        f"model {model!r} cannot be asked: its prompt holds similar questions and steps from a retrieval pool, and "
        "neither the pool's index nor the wording of the prompt is documented on its public card"
    )


register(Adapter("retrieval-prm", refuse, {"gebro13/RetrievalPRM": THRESHOLD}))
