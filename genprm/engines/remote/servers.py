"""A model behind several servers: the addresses that `engine.servers` names, as one engine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from genprm.engines.base import Engine, EngineDead, EngineError
from genprm.engines.copies.balanced import BalancedEngine
from genprm.engines.remote.calls import Calls
from genprm.engines.remote.http import Retries
from genprm.engines.remote.openai import OpenAIEngine
from genprm.engines.tokenizer import ModelTokenizer
from genprm.settings import EngineSettings

log = logging.getLogger(__name__)


def names_of(model: str, path: str) -> list[str]:
    """The names that a model may have in `engine.servers` and on its server: its name in the profile, its path, and
    for a checkpoint of a run its key, which is the name of the folder around it.

    >>> names_of("/runs/mine/checkpoints/base.main.full/5d8e", "/runs/mine/checkpoints/base.main.full/5d8e")
    ['/runs/mine/checkpoints/base.main.full/5d8e', 'base.main.full']
    """
    place = Path(path)
    key = [place.parent.name] if place.parent.parent.name == "checkpoints" else []
    return list(dict.fromkeys([model, path, *key]))


def address_key(model: str, path: str, settings: EngineSettings) -> str | None:
    """The name under which `engine.servers` has a model; None where it has no address for it."""
    return next((name for name in names_of(model, path) if name in settings.servers), None)


def open_servers(model: str, path: str, settings: EngineSettings, retries: Retries | None = None) -> Engine:
    """The servers of a model, whose tokenizer is read from `path`, as one engine.

    A server that cannot be reached is left out, with a line in the log.

    Raises:
        EngineError: no address for the model, none that can be reached, or a server that does not serve it.
    """
    names, key = names_of(model, path), address_key(model, path, settings)
    if key is None:
        raise EngineError(
            f"engine.servers has no address for the model {' or '.join(map(repr, names))}; it has some for "
            f"{', '.join(map(repr, settings.servers))}. Serve it and add the address, or set engine.backend to "
            f"transformers or vllm, which open such models here"
        )
    addresses = settings.servers[key]
    tokenizer = ModelTokenizer(path, settings.max_context)

    def connect(url: str) -> OpenAIEngine | EngineError:
        own = settings.model_copy(update={"backend": "openai", "url": url, "servers": {}})
        try:
            return OpenAIEngine(path, own, [key, *names], retries, tokenizer)
        except EngineError as error:
            return error

    with ThreadPoolExecutor(len(addresses)) as pool:
        answers = list(pool.map(connect, addresses))
        found = [answer for answer in answers if isinstance(answer, OpenAIEngine)]
        errors = [answer for answer in answers if isinstance(answer, EngineError)]
        refused = next((error for error in errors if not isinstance(error, EngineDead) or not found), None)
        refused = refused or _difference(found)
        if refused is not None:
            list(pool.map(lambda engine: asyncio.run(engine.close()), found))
            raise refused
    for error in errors:
        log.warning("%s; it is left out", error)
    if len(found) == 1:
        return found[0]
    calls = Calls("genprm-servers", settings.max_in_flight)
    return BalancedEngine(path, tokenizer, found[0].provenance, found, calls)


def _difference(engines: Sequence[OpenAIEngine]) -> EngineError | None:
    """The error of servers with different kinds of log-probabilities, whose answers cannot be mixed; else None."""
    kinds = {engine.provenance.logprobs: engine.address for engine in engines}
    if len(kinds) < 2:
        return None
    said = ", ".join(f"{address} {kind}" for kind, address in kinds.items())
    return EngineError(f"the servers of a model give log-probabilities of different kinds: {said}")
