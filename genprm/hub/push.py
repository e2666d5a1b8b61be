"""An exported directory as a repository on the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from genprm.data_sets.rows import InputError


def check_token() -> None:
    """Refuse to go on without a token of the hub.

    Raises:
        InputError: nobody is logged in.
    """
    from huggingface_hub import get_token

    if get_token() is None:
        raise InputError("option --push needs a token of the hub, allowed: `hf auth login` before, or HF_TOKEN set")


def push(directory: Path, repository: str, kind: Literal["model", "dataset"]) -> str:
    """Upload a directory as the newest commit of a repository, made if need be; return the commit's address.

    Raises:
        InputError: the hub refuses it, or cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    # A hub out of reach raises an error of the library's HTTP client, a different package in other releases.
    unreachable: type[Exception] = HfHubHTTPError.__bases__[0]
    api = HfApi()
    try:
        api.create_repo(repository, repo_type=kind, exist_ok=True)
        commit = api.upload_folder(repo_id=repository, repo_type=kind, folder_path=str(directory))
    except (unreachable, HFValidationError, OSError) as error:
        raise InputError(f"repository {repository!r} cannot be written: {error}") from None
    return str(commit.commit_url)
