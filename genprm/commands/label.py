"""`genprm label`: step labels from Monte-Carlo scores."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from genprm.settings import LabelVariant


def label(
    scores: Annotated[
        str,
        typer.Argument(
            help='JSON lines {"id", "pass_at_1", "mc": [per step]}, for changepoint "rollouts" too; - is stdin.'
        ),
    ],
    estimator: Annotated[
        str, typer.Option(help="ratio, difference, hard, changepoint, or one that another package adds.")
    ] = "ratio",
    epsilon: Annotated[
        float | None,
        typer.Option(
            help="Label 1 from this progress on: 0.8 for ratio, 0.5 for changepoint, to be given for difference."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help='JSON lines {"id", "progress", "labels"}.')] = False,
) -> None:
    """Label steps by relative progress estimation."""
    from genprm.commands.reading import read_objects
    from genprm.labels.progress import label_json, label_rows

    variant = _variant(estimator, epsilon)
    for labels in label_rows(read_objects(scores), variant):
        if as_json:
            print(json.dumps(label_json(labels)))
        else:
            steps = zip(labels.progress, labels.labels, strict=True)
            first = "no error" if labels.first_error < 0 else f"first error: step {labels.first_error + 1}"
            print(f"{labels.solution_id}: {first}")
            for number, (progress, value) in enumerate(steps, start=1):
                print(f"  step {number}: progress {progress:.3f}, label {value}")


def _variant(estimator: str, epsilon: float | None) -> LabelVariant:
    from pydantic import ValidationError

    from genprm.data_sets.rows import InputError
    from genprm.registry import ESTIMATORS
    from genprm.settings import LabelVariant

    try:
        known = ESTIMATORS.get(estimator)
    except ValueError as error:
        raise InputError(f"--{error}") from None
    if known.has_threshold and known.default_epsilon is None and epsilon is None:
        raise InputError(
            f"--epsilon is not given, allowed for {estimator}: a number from -1 (the paper's: -0.1 to -0.5)"
        )
    try:
        given = {} if epsilon is None else {"epsilon": epsilon}
        return LabelVariant.model_validate({"estimator": estimator, **given})
    except ValidationError as error:
        raise InputError(
            f"--epsilon is {epsilon}, allowed: a number from -1 to 10 ({error.errors()[0]['msg']})"
        ) from None
