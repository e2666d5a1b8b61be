"""The published checkpoints (GenPRM-1.5B, 7B, 32B): how they are asked.

They are asked as their model card shows and their data set is written, which is what `VerifierSettings` and
`TurnFormat` say unless told otherwise: `Question:` before the problem, both lead-ins, three rounds, 2048 tokens a
step, temperature 0.6, top-p 0.95, top-k 20, an assistant header on every turn. What cannot be said here is the
wording of their system message: it is read from their data set, or from a file.
"""

from __future__ import annotations

from pathlib import Path, PurePath

from genprm.data_sets.rows import InputError, shown
from genprm.data_sets.sources import DIRECTORY_VARIABLE, DataSource, data_directory, source_rows
from genprm.settings import VerifierSettings

DATA_SET = DataSource("GenPRM/GenPRM-MATH-Data", "train", "genprm-math-data/train.parquet")
_FAMILY = "GenPRM-"
_TURNS = ("conversations", "messages")
"""Names under which conversations are kept: the data set's own, and TRL's."""


def is_published(model: str) -> bool:
    """Whether a hub id or a directory is called like a published checkpoint.

    >>> is_published("GenPRM/GenPRM-7B"), is_published("models/GenPRM-1.5B"), is_published("miniature/rationale")
    (True, True, False)
    """
    return PurePath(model).name.startswith(_FAMILY)


def published_settings(model: str, system: str | None = None) -> VerifierSettings:
    """How the published checkpoint `model` is asked, with `system` or else its data set's system message.

    Raises:
        InputError: no system message is given, and the data set cannot be had.
    """
    if system is None:
        try:
            system = data_set_system(data_directory())
        except InputError as error:
            raise InputError(
                f"model {model!r} needs the system message that it was trained with ({error}). Supply a file that "
                f"holds it (--system-file FILE), or its data set {DATA_SET.repository} from the hub or below "
                f"{DIRECTORY_VARIABLE} as {DATA_SET.file}"
            ) from None
    settings = VerifierSettings()
    return settings.model_copy(update={"format": settings.format.model_copy(update={"system": system})})


def data_set_system(directory: Path | None) -> str:
    """The system message of the first conversation of the published data set; None means the hub.

    Raises:
        InputError: the data set cannot be had, or its conversations do not begin with a system message.
    """
    where, row = next(source_rows(DATA_SET, directory), ("the data set", {}))
    turns: list[dict[str, str]] = next((row[name] for name in _TURNS if row.get(name)), [])
    first = turns[0] if turns else {}
    role, content = first.get("role") or first.get("from"), first.get("content") or first.get("value")
    if role != "system" or not content:
        raise InputError(
            f"{where}: begins with {shown(first)}, allowed: a conversation with a system message first"
        )
    return str(content)


def read_system(file: str) -> str:
    """The system message in a file, as it is but for the line's end.

    Raises:
        InputError: it cannot be read, or holds nothing.
    """
    try:
        text = Path(file).read_text().removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"system file {file!r} cannot be read: {error}") from None
    if not text.strip():
        raise InputError(f"system file {file!r} is empty, allowed: the text of a system message")
    return text
