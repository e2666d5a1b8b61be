"""Profiles: YAML files that say how a run differs from the defaults of `genprm.settings`.

`load_profile` reads one, applies `section.key=value` overrides, and refuses unknown keys, wrong types and
impossible values by name.
"""

from __future__ import annotations

import importlib.resources
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from genprm.settings import EngineSettings, Profile, SandboxSettings, Section, SettingsError

_S = TypeVar("_S", bound=Section)


def shipped_profiles() -> list[str]:
    """Names of the profiles that come with the package."""
    folder = importlib.resources.files(__name__)
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def _profile_text(name_or_path: str) -> tuple[str, str]:
    if name_or_path in shipped_profiles():
        folder = importlib.resources.files(__name__)
        return name_or_path, (folder / f"{name_or_path}.yaml").read_text()
    path = Path(name_or_path)
    if not path.is_file():
        raise SettingsError(
            f"profile {name_or_path!r} is neither a shipped profile ({', '.join(shipped_profiles())}) nor a file"
        )
    return path.stem.lower(), path.read_text()


def _profile_values(name_or_path: str) -> tuple[str, dict[str, Any]]:
    """A profile's name and the values in its file, merged over those of the profile that it `extends`."""
    name, text = _profile_text(name_or_path)
    try:
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise SettingsError(f"profile {name!r} is not YAML: {error}") from None
    if not isinstance(values, dict):
        raise SettingsError(f"profile {name!r} must be a mapping of sections, got {type(values).__name__}")
    if "extends" in values:
        other = values.pop("extends")
        if other not in shipped_profiles() or other == name:
            others = ", ".join(one for one in shipped_profiles() if one != name)
            raise SettingsError(f"profile {name!r}: extends is {other!r}, allowed: {others}")
        under = _profile_values(other)[1]
        under.pop("name", None)
        values = _merge(under, values)
    return name, values


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: _merge(under[key], over[key]) for key in under.keys() & over.keys() if _are_maps(under, over, key)}
    return {**under, **over, **both}


def _are_maps(under: Mapping[str, Any], over: Mapping[str, Any], key: str) -> bool:
    return isinstance(under[key], dict) and isinstance(over[key], dict)


def _parts(key: str, kind: Any) -> list[str]:
    """Split `section.key` at its dots; `kind` is the type of the section. Inside a map, the rest is one name, with
    its dots.

    >>> _parts("engine.servers.Qwen/Qwen2.5-7B", EngineSettings)
    ['engine', 'servers', 'Qwen/Qwen2.5-7B']
    """
    parts = key.strip().split(".")
    for depth, part in enumerate(parts[1:], start=2):
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)) or part not in kind.model_fields:
            break
        kind = kind.model_fields[part].annotation
        if get_origin(kind) is dict and depth < len(parts) and not _holds_sections(kind):
            return [*parts[:depth], ".".join(parts[depth:])]
    return parts


def _holds_sections(mapping: Any) -> bool:
    held = get_args(mapping)[1]
    return isinstance(held, type) and issubclass(held, BaseModel)


def _override(values: dict[str, Any], assignment: str, kind: Any = None) -> None:
    """Put the value of an assignment into `values`. `kind` is its section's type; by default, the profile's."""
    key, separator, text = assignment.partition("=")
    section = Profile.model_fields.get(key.strip().partition(".")[0])
    parts = _parts(key, kind or (section and section.annotation))
    if not separator or len(parts) < 2 or not all(parts):
        raise SettingsError(f"override {assignment!r} is not of the form section.key=value")
    target = values
    for part in parts[:-1]:
        target = target.setdefault(part, {})
        if not isinstance(target, dict):
            raise SettingsError(f"override {assignment!r}: {part!r} is a value, not a section")
    try:
        target[parts[-1]] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise SettingsError(f"override {assignment!r}: {text!r} is not a YAML value") from None


def _allowed(location: tuple[int | str, ...], section: type[Section]) -> str:
    model: Any = section
    for part in location[:-1]:
        is_section = isinstance(model, type) and issubclass(model, BaseModel)
        field = model.model_fields.get(str(part)) if is_section else None
        model = field.annotation if field is not None else None
    if isinstance(model, type) and issubclass(model, BaseModel):
        return f" (allowed: {', '.join(model.model_fields)})"
    return ""


def _explain(error: ValidationError, section: type[Section] = Profile, prefix: str = "") -> str:
    lines = []
    for item in error.errors():
        key = prefix + ".".join(str(part) for part in item["loc"]) or "profile"
        if item["type"] == "extra_forbidden":
            lines.append(f"{key}: unknown key, value {item['input']!r}{_allowed(item['loc'], section)}")
        elif item["type"] == "value_error":
            lines.append(f"{key}: {item['msg'].removeprefix('Value error, ')}")
        else:
            lines.append(f"{key}: {item['msg']}, got {item['input']!r}")
    return "; ".join(lines)


def build_profile(values: Mapping[str, Any]) -> Profile:
    """A profile from plain values.

    Raises:
        SettingsError: an unknown key, a wrong type or an impossible value.
    """
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None


def change_section(section: _S, changes: Iterable[str], name: str) -> _S:
    """Return a section with `changes` applied, each `name.key=value`.

    >>> change_section(SandboxSettings(), ["code.seconds=2"], "code").seconds
    2.0

    Raises:
        SettingsError: a key or value that is not allowed.
    """
    values: dict[str, Any] = {name: section.model_dump()}
    for assignment in changes:
        _override(values, assignment, type(section))
    try:
        return type(section).model_validate(values[name])
    except ValidationError as error:
        raise SettingsError(_explain(error, type(section), f"{name}.")) from None


def load_profile(name_or_path: str | None = None, overrides: Iterable[str] = ()) -> Profile:
    """The profile that decides a run.

    `name_or_path` is a shipped profile or a YAML file; empty means `GENPRM_PROFILE`, then `miniature`. A file that
    `extends` a shipped profile states only what differs from it; the two share tables where it takes its `name`.
    Overrides are those of `GENPRM_SET` (separated by spaces) and then `overrides`, each `section.key=value`.

    Raises:
        SettingsError: no such profile, not YAML, or a key or value that is not allowed.
    """
    name, values = _profile_values(name_or_path or os.environ.get("GENPRM_PROFILE") or "miniature")
    values.setdefault("name", name)
    for assignment in [*os.environ.get("GENPRM_SET", "").split(), *overrides]:
        _override(values, assignment)
    return build_profile(values)


class MachineSettings(NamedTuple):
    """How text is generated and where model-written code runs."""

    engine: EngineSettings
    sandbox: SandboxSettings


def machine_settings(engine: EngineSettings, overrides: Iterable[str]) -> MachineSettings:
    """Engine and sandbox settings without a profile: `overrides`, each `engine.key=value` or `sandbox.key=value`,
    on top of `engine` and of the sandbox's defaults.

    Raises:
        SettingsError: another section, or a key or value that is not allowed.
    """
    values: dict[str, Any] = {"name": "machine", "engine": engine.model_dump(), "sandbox": {}}
    for assignment in overrides:
        if not assignment.strip().startswith(("engine.", "sandbox.")):
            raise SettingsError(f"override {assignment!r}: allowed here are engine.key=value and sandbox.key=value")
        _override(values, assignment)
    profile = build_profile(values)
    return MachineSettings(profile.engine, profile.sandbox)
