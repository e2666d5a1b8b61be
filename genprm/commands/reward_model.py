"""The reward model that a command measures: opened by its name, evaluated, and freed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genprm.evaluation.evaluate import Evaluation
    from genprm.profiles import MachineSettings
    from genprm.records import BenchmarkCase
    from genprm.reward_models.base import Asking, Progress, RewardModel
    from genprm.reward_models.machine import OwnMachine

TUNED_ON = "gsm8k"
"""ProcessBench subset on which thresholds are tuned where a model's authors set none."""


@dataclass(frozen=True)
class OpenModel:
    """A loaded model and its machine, the label of its results, and its threshold (None: it is tuned)."""

    model: RewardModel
    machine: OwnMachine
    label: str
    threshold: float | None

    async def close(self) -> None:
        """Free model and machine."""
        await self.model.close()
        await self.machine.close()

    async def evaluate(
        self, cases: Sequence[BenchmarkCase], tuning: Sequence[BenchmarkCase], progress: Progress
    ) -> Evaluation:
        """Predictions for all cases; a threshold that is not set is tuned on `tuning`. Frees model and machine.

        Raises:
            InputError: the cases to tune on are all wrong or all right.
            EngineError, SandboxError: as raised by the model.
        """
        from genprm.data_sets.rows import InputError
        from genprm.evaluation.evaluate import Evaluation, evaluate_cases, evaluate_tuned

        try:
            if self.threshold is not None:
                predictions = await evaluate_cases(self.model, cases, self.threshold, progress)
                return Evaluation(predictions, self.threshold)
            if len({case.label == -1 for case in tuning}) < 2:
                raise InputError(
                    f"the threshold of model {self.model.name!r} is tuned on {TUNED_ON}, and its {len(tuning)} "
                    "cases are not of both kinds, allowed: a higher --limit"
                )
            return await evaluate_tuned(self.model, cases, tuning, progress)
        finally:
            await self.close()


def open_model(name: str, machine: MachineSettings, asking: Asking, as_judge: bool = False) -> OpenModel:
    """The reward model behind a name, or with `as_judge` any chat model as a judge of whole solutions.

    Raises:
        InputError: options that this model does not support.
        EngineError: the model cannot be loaded, or cannot be asked as its authors do.
        SandboxError: the isolation asked for is not available.
    """
    from genprm.reward_models.judge import JUDGE
    from genprm.reward_models.machine import OwnMachine
    from genprm.reward_models.registry import Found, adapter_named, find_adapter
    from genprm.verification.rewards import THRESHOLD

    found = Found(adapter_named(JUDGE), THRESHOLD) if as_judge else find_adapter(name)
    own = OwnMachine(*machine)
    model = found.adapter.open(name, own, asking)
    return OpenModel(model, own, model.mode or found.adapter.name, found.threshold)
