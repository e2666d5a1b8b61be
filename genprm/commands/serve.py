"""`genprm serve`: a reward model behind HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from genprm.commands.machine import JudgingOptions
from genprm.commands.options import takes


@dataclass(frozen=True, kw_only=True)
class ServeOptions(JudgingOptions):
    """Options of `genprm serve`."""

    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8000
    concurrent: Annotated[int, typer.Option(help="Solutions that are judged at a time.", min=1)] = 256
    waiting: Annotated[
        int, typer.Option(help="Solutions that may wait or be judged; a request above that is refused.", min=1)
    ] = 1024
    seconds: Annotated[float, typer.Option(help="The longest that a request may take.", min=0.001)] = 600.0
    api_key_file: Annotated[str | None, typer.Option(help="File with the key that requests must carry.")] = None


@takes(ServeOptions)
def serve(options: ServeOptions) -> None:
    """Serve rewards over HTTP until SIGTERM."""
    import uvicorn

    from genprm.commands.reward_model import open_model
    from genprm.serve.app import closing, create_app
    from genprm.serve.limits import Limits
    from genprm.serve.scorer import Scorer
    from genprm.verification.rewards import THRESHOLD

    asking = options.asking(options.known_mode(), texts=True)
    key = None if options.api_key_file is None else _read_key(options.api_key_file)
    opened = open_model(options.model_name(), options.machine(), asking)
    limits = Limits(options.concurrent, options.waiting, seconds=options.seconds)
    threshold = THRESHOLD if opened.threshold is None else opened.threshold
    app = create_app(Scorer(opened.model, limits, threshold), key, closing(opened.close))
    uvicorn.run(app, host=options.host, port=options.port, timeout_graceful_shutdown=30)


def _read_key(file: str) -> str:
    from genprm.data_sets.rows import InputError
    from genprm.data_sets.text_files import file_text

    key = file_text(Path(file)).strip()
    if not key:
        raise InputError(f"--api-key-file {file!r} is empty, allowed: a file with a key")
    return key
