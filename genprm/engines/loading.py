"""Configuration, tokenizer and network of a checkpoint, the same way wherever one is loaded.

Code of a checkpoint is never run, and there is no prompt to allow it: a checkpoint that ships modelling code is
loaded as the architecture that transformers knows under its `model_type`, or refused. Weights are refused unless
they are exactly what that architecture holds: transformers itself would fill what is missing with random numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genprm.engines.adapters import adapter_base, merge_adapter
from genprm.engines.base import EngineError
from genprm.engines.unreadable import UNREADABLE, first_line

_VOCABULARIES = ("tokenizer.json", "tokenizer.model", "vocab.json")
_NAMED = 3
"""How many tensors of each kind an error names."""
_COMPUTED = ("rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias")
"""Name suffixes of tensors that older checkpoints hold although the architecture computes them itself."""


def unloadable(model: str, error: BaseException) -> EngineError:
    """The error for a checkpoint with a missing or wrong file."""
    if "trust_remote_code" in str(error):
        return EngineError(
            f"model {model!r}: its architecture is code that comes with it (auto_map), which is never run"
        )
    return EngineError(f"model {model!r} cannot be loaded: {first_line(error)}")


def source(model: str) -> tuple[str, dict[str, str]]:
    """Where transformers finds a model, and further options to load it: a GGUF file is named apart from its folder.

    >>> source("models/smol.Q8_0.gguf"), source("Qwen/Qwen2.5-Math-1.5B")
    (('models', {'gguf_file': 'smol.Q8_0.gguf'}), ('Qwen/Qwen2.5-Math-1.5B', {}))
    """
    if not is_gguf(model):
        return model, {}
    return str(Path(model).parent), {"gguf_file": Path(model).name}


def is_gguf(model: str) -> bool:
    """Whether a model is a single GGUF file, the format of llama.cpp."""
    return model.endswith(".gguf")


def load_config(model: str) -> Any:
    """The checkpoint's configuration.

    Raises:
        EngineError: it is missing or wrong, or of an architecture that transformers does not know.
    """
    from transformers import AutoConfig

    try:
        place, options = source(adapter_base(model) or model)
        return AutoConfig.from_pretrained(place, trust_remote_code=False, **options)
    except UNREADABLE as error:
        raise unloadable(model, error) from error


def load_tokenizer(model: str) -> Any:
    """The checkpoint's fast tokenizer; that of its base for an adapter that was saved without one.

    Raises:
        EngineError: there is none, or it is not a fast one.
    """
    from transformers import AutoTokenizer

    base = adapter_base(model)
    if base is not None and not any((Path(model) / name).is_file() for name in _VOCABULARIES):
        return load_tokenizer(base)
    # For a known architecture transformers makes an empty tokenizer where there is no file.
    if Path(model).is_dir() and not any((Path(model) / name).is_file() for name in _VOCABULARIES):
        raise EngineError(f"model {model!r}: no tokenizer ({' or '.join(_VOCABULARIES)})")
    try:
        place, options = source(model)
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False, **options)
    except UNREADABLE as error:
        raise unloadable(model, error) from error
    if not tokenizer.is_fast:
        raise EngineError(f"model {model!r}: a fast tokenizer is needed (tokenizer.json)")
    return tokenizer


def quantised(config: Any) -> bool:
    """Whether a configuration is one of quantised weights."""
    return getattr(config, "quantization_config", None) is not None


def load_network(kind: Any, model: str, heads: Sequence[str] = (), new: Sequence[str] = (), **options: Any) -> Any:
    """The network of a checkpoint, with all of its weights from the files; a LoRA adapter is merged into its base.

    Args:
        kind: an auto class of transformers.
        heads: name prefixes of tensors in the files that the network does not use.
        new: name prefixes of tensors that the files need not hold, because they are still to be trained.
        options: for `kind.from_pretrained`.

    Raises:
        EngineError: a file is missing or wrong, or its weights are not those of the architecture.
    """
    base = adapter_base(model)
    if base is not None:
        return merge_adapter(load_network(kind, base, heads, new, **options), model)
    check_weights(kind, model, heads, new)
    network, info = _read(kind, model, **options)
    _compare(model, network, info, heads, new)
    return network


def check_weights(kind: Any, model: str, heads: Sequence[str] = (), new: Sequence[str] = ()) -> None:
    """Refuse weights that `load_network` would refuse, from the names and shapes in the files alone.

    Quantised weights and GGUF files pass: their tensors have other names, and `load_network` checks them later.

    Raises:
        EngineError: as `load_network`.
    """
    config = load_config(model)
    _check_direction(kind, model, config)
    if not quantised(config) and not is_gguf(model):
        # On the meta device nothing is read but the headers, and transformers applies the renames that it knows.
        with _without_bar():
            network, info = _read(kind, model, device_map="meta", ignore_mismatched_sizes=True)
        _compare(model, network, info, heads, new)


def _check_direction(kind: Any, model: str, config: Any) -> None:
    from transformers import AutoModelForCausalLM
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    masked = config.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", True)
    if kind is AutoModelForCausalLM and masked:
        raise EngineError(f"model {model!r}: a masked language model ({config.model_type}), which cannot write on")


def _read(kind: Any, model: str, **options: Any) -> tuple[Any, Mapping[str, Any]]:
    try:
        place, gguf = source(model)
        with _quiet():
            network, info = kind.from_pretrained(
                place, trust_remote_code=False, output_loading_info=True, weights_only=True, **gguf, **options
            )
    except UNREADABLE as error:
        raise unloadable(model, error) from error
    return network, info


def _compare(model: str, network: Any, info: Mapping[str, Any], heads: Sequence[str], new: Sequence[str]) -> None:
    """Refuse what transformers says it could not find, had no place for, or found in another shape."""
    missing = [name for name in info["missing_keys"] if not name.startswith(tuple(new))]
    unexpected = [name for name in info["unexpected_keys"] if not name.startswith(tuple(heads))]
    unexpected = [name for name in unexpected if not name.endswith(_COMPUTED)]
    if quantised(network.config):
        unexpected = []
    misshapen = [f"{name} {tuple(found)}" for name, found, *_ in info["mismatched_keys"]]
    found = {"missing": missing, "unexpected": unexpected, "of another shape": misshapen}
    faults = [_count(names, what) for what, names in found.items() if names]
    if faults:
        raise EngineError(
            f"model {model!r}: its weights are not those of a {type(network).__name__}: {', '.join(faults)}"
        )


def _count(names: Collection[str], what: str) -> str:
    shown = [*sorted(names)[:_NAMED], *(["..."] if len(names) > _NAMED else [])]
    return f"{len(names)} {what} ({', '.join(shown)})"


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' own report on missing and unexpected weights, which is made into one error here."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


@contextmanager
def _without_bar() -> Iterator[None]:
    """Without transformers' progress bar, for what takes no time."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
