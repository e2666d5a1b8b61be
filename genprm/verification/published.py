"""The published checkpoints (GenPRM-1.5B, 7B, 32B): how they are asked.

Both presets ask them as the released code does (GenPRM at cc80f47, `prm_evaluation/genprm_inference.py`): both
lead-ins, three requests behind the analysis, 2048 tokens a step, temperature 0.6, top-p 0.95, top-k 20, printed
output stripped, a beginning-of-text token of vLLM's before the template's, and a system message of its own for
direct mode. `as-card` has the model card's first turn (`Question:` before the problem, as in the training data) and
an assistant header on the turn that is written; `as-evaluated` has what `prm_evaluate.py` made the paper's tables
with: problem and first step with a line break between them, and no header. The wording of the review's system
message is read from their data set, or from a file.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path, PurePath

from genprm.data_sets.rows import InputError, shown
from genprm.data_sets.sources import DIRECTORY_VARIABLE, DataSource, data_directory, first_row
from genprm.settings import TurnFormat, VerifierSettings

DATA_SET = DataSource("GenPRM/GenPRM-MATH-Data", "train", "genprm-math-data/train.parquet")
_FAMILY = "GenPRM-"
DIRECT_SYSTEM = (
    "You are a math teacher. Your task is to review and critique the paragraphs in solution directly. Output your "
    "judgement in the format of `\\boxed{Yes}` if the paragraph is correct, or `\\boxed{No}` if the paragraph is "
    "incorrect."
)
"""System message of direct mode in `prm_evaluate.py`; no conversation of the data set has one."""
_TURNS = ("conversations", "messages")
"""Names under which conversations are kept: the data set's own, and TRL's."""


class Preset(StrEnum):
    """A way in which their authors ask the published checkpoints."""

    AS_CARD = "as-card"
    """As the model card shows, in the form of the training data."""
    AS_EVALUATED = "as-evaluated"
    """As the released evaluation does: the numbers of the paper's tables."""


def check_preset(preset: str) -> Preset:
    """The preset of that name.

    Raises:
        InputError: there is none.
    """
    if preset not in tuple(Preset):
        raise InputError(f"preset is {shown(preset)}, allowed: {', '.join(Preset)}")
    return Preset(preset)


def is_published(model: str) -> bool:
    """Whether a hub id or a directory is called like a published checkpoint.

    >>> is_published("GenPRM/GenPRM-7B"), is_published("models/GenPRM-1.5B"), is_published("miniature/rationale")
    (True, True, False)
    """
    return PurePath(model).name.startswith(_FAMILY)


def published_settings(model: str, system: str | None = None, preset: Preset = Preset.AS_CARD) -> VerifierSettings:
    """How the published checkpoint `model` is asked, with `system` or else its data set's system message.

    A given `system` is used in every mode; otherwise direct mode has a message of its own.

    Raises:
        InputError: no system message is given, and the data set cannot be had.
    """
    direct = None if system is not None else DIRECT_SYSTEM
    if system is None:
        try:
            system = data_set_system(data_directory())
        except InputError as error:
            raise InputError(
                f"model {model!r} needs the system message that it was trained with ({error}). Supply a file that "
                f"holds it (--system-file FILE), or its data set {DATA_SET.repository} from the hub or below "
                f"{DIRECTORY_VARIABLE} as {DATA_SET.file}"
            ) from None
    common = TurnFormat(
        system=system, direct_system=direct, second_bos=True, analysis_ends="at line", output="released"
    )
    by_preset = {
        Preset.AS_CARD: {},
        Preset.AS_EVALUATED: {"question": "{problem}\n{step}", "assistant_header": False},
    }
    return VerifierSettings(format=common.model_copy(update=by_preset[preset]), rounds_of="generations")


def data_set_system(directory: Path | None) -> str:
    """The system message of the first conversation of the published data set; None means the hub.

    Raises:
        InputError: the data set cannot be had, or its conversations do not begin with a system message.
    """
    where, row = first_row(DATA_SET, directory) or ("the data set", {})
    turns: list[dict[str, str]] = next((row[name] for name in _TURNS if row.get(name)), [])
    first = turns[0] if turns else {}
    role, content = first.get("role") or first.get("from"), first.get("content") or first.get("value")
    if role != "system" or not content:
        raise InputError(
            f"{where}: begins with {shown(first)}, allowed: a conversation with a system message first"
        )
    return str(content)


def read_system(file: str) -> str:
    """The system message in a file, without the newline at its end.

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
