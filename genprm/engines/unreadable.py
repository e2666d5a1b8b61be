"""The exceptions for a missing or wrong file of a checkpoint, and the text of an exception in one line."""

from __future__ import annotations

from pickle import UnpicklingError

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError

UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    ImportError,
    RuntimeError,
    SafetensorError,
    StrictDataclassError,
    UnpicklingError,
)
"""What transformers raises where a file of a checkpoint is missing or wrong."""


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or its class where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
