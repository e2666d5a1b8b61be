"""`genprm export hub`: a checkpoint or a data set as a directory with a card, and on request as a repository."""

from __future__ import annotations

from pathlib import Path

FORMAT = "hub"
"""The word that is given in place of a format's name."""


def export_to_hub(source: str, out: Path, repository: str | None, licence: str | None) -> None:
    """Write the directory of a checkpoint, or of a data set where `source` is a file; upload it to `repository`.

    Raises:
        InputError: as the functions of `genprm.hub`.
        EngineError: no such model.
    """
    from genprm.commands.reading import read_objects
    from genprm.hub.export import export_data, export_model
    from genprm.hub.push import check_token, push

    if repository is not None:
        check_token()
    is_data = Path(source).is_file()
    if is_data:
        export_data([row for _, row in read_objects(source)], Path(source), out, repository, licence)
        print(f"data set: {out}")
    else:
        facts = export_model(source, out, repository, licence)
        print(" ".join([f"model: {out}", *([f"({facts.not_measured})"] if facts.not_measured else [])]))
    if repository is not None:
        print(push(out, repository, "dataset" if is_data else "model"))
