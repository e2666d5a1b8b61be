"""The card of a data set: its rows, its columns, and where it comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCard, DatasetCardData

TEMPLATE = Path(__file__).with_name("data_card.md")
NO_LICENCE = "None was stated. The licences of the problems and of the models that wrote the texts apply."
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_LARGER = "n>1M"


def data_card(name: str, file: str, rows: Sequence[Mapping[str, Any]], licence: str | None) -> DatasetCard:
    """The card of the rows in `file`, a path inside the directory."""
    columns = Counter(key for row in rows for key, value in row.items() if value is not None)
    data = DatasetCardData(
        pretty_name=name,
        license=licence,
        task_categories=["text-generation"],
        size_categories=[next((size for below, size in _SIZES if len(rows) < below), _LARGER)],
        tags=["process-reward-model", "genprm", "arxiv:2504.00891"],
        configs=[{"config_name": "default", "data_files": [{"split": "train", "path": file}]}],
    )
    card: DatasetCard = DatasetCard.from_template(
        data,
        template_path=str(TEMPLATE),
        title=name,
        what=_what(columns),
        rows=len(rows),
        columns=list(columns.items()),
        facts=_label_facts(rows),
        licence=licence or NO_LICENCE,
    )
    return card


def _what(columns: Mapping[str, int]) -> str:
    if "messages" in columns:
        return (
            "Conversations that a process reward model is trained on: the user gives a step of a solution, the "
            "assistant judges it, up to the first wrong step."
        )
    if "labels" in columns:
        return "Solutions with a label for each step: 1 right, 0 wrong. Labels may end before the steps do."
    return "Rows for process reward models."


def _label_facts(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, object]]:
    labelled = [row["labels"] for row in rows if isinstance(row.get("labels"), list)]
    if not labelled:
        return []
    return [
        ("labelled solutions", len(labelled)),
        ("labelled steps", sum(map(len, labelled))),
        ("steps labelled wrong", sum(label == 0 for labels in labelled for label in labels)),
        ("solutions with a wrong step", sum(0 in labels for labels in labelled)),
    ]
