"""Every key of the config as a row of the reference: where it stands, what it takes, its default, what it means."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from forecasting.config import Config
from forecasting.config_keys import Key, in_words, is_settings, keys_of, options, sections
from forecasting.errors import InputError, nearest


@dataclass(frozen=True, kw_only=True)
class Row:
    """One key, all in words; `example` is YAML, empty for a section whose own keys are told."""

    path: str
    name: str
    takes: str
    default: str
    null: str
    meaning: str
    example: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """The keys of one place of the config; the place of the top is empty."""

    path: str
    about: str
    rows: tuple[Row, ...]

    @property
    def title(self) -> str:
        """`tuning.space.KEY`, and what stands at the top."""
        return self.path or "the top level"


def reference() -> list[Section]:
    """All sections of the config in the order of the file."""
    return [_section(path, settings) for path, settings in sections(Config)]


def looked_up(key: str) -> list[Section]:
    """The sections, cut to what `key` means: a section with those below it, or one key; InputError for what is neither."""
    wanted = _plain(key)
    found = reference()
    if inside := [section for section in found if section.path and _is_below(_plain(section.path), wanted)]:
        return inside
    picked = [
        Section(path=section.path, about="", rows=rows)
        for section in found
        if (rows := tuple(row for row in section.rows if _plain(row.path) == wanted))
    ]
    if not picked:
        raise _unknown(key, wanted, found)
    return picked


def _section(path: str, settings: type) -> Section:
    about = " ".join((settings.__doc__ or "").split())
    return Section(path=path, about=about, rows=tuple(_row(path, key) for key in keys_of(settings).values()))


def _row(section: str, key: Key) -> Row:
    bounds = f", {key.bounds}" if key.bounds else ""
    return Row(
        path=f"{section}.{key.name}" if section else key.name,
        name=key.name,
        takes=in_words(key.takes, nulls=True) + bounds,
        default="required" if key.required else _default(key),
        null=key.meaning.null,
        meaning=key.meaning.text,
        example=key.meaning.example or _own_example(key),
    )


def _default(key: Key) -> str:
    """The default as YAML; of settings `its own`, since their keys tell theirs; of a list of settings the names."""
    value = key.default
    if isinstance(value, BaseModel) or (is_dataclass(value) and not isinstance(value, type)):
        return "those of its keys"
    if isinstance(value, list) and value and is_settings(type(value[0])):
        return as_yaml([item.name for item in value])
    return as_yaml(str(value) if isinstance(value, Path) else value)


def _own_example(key: Key) -> str:
    """Of a switch the other side, of anything else the default; none for settings."""
    members = [option for option in options(key.takes) if option is not type(None)]
    if members == [bool]:
        return as_yaml(not key.default)
    nested = any(is_settings(held) for held in members) or isinstance(key.default, list) or key.required
    return "" if nested else _default(key)


def as_yaml(value: Any) -> str:
    """A value on one line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _plain(path: str) -> str:
    """A path as a person may type it: without list marks, numbers of entries and kinds of source."""
    bare = re.sub(r" \(\w+\)|\[\]", "", path)
    return ".".join(part for part in bare.split(".") if not part.isdigit() and part != "KEY")


def _is_below(path: str, wanted: str) -> bool:
    return path == wanted or path.startswith(f"{wanted}.")


def _unknown(key: str, wanted: str, found: Sequence[Section]) -> InputError:
    paths = sorted({_plain(row.path) for section in found for row in section.rows})
    last = wanted.rsplit(".", maxsplit=1)[-1]
    near = nearest(wanted, paths) or next((path for path in paths if path.rsplit(".", maxsplit=1)[-1] == last), None)
    way_out = f"did you mean {near}?" if near else "`forecast config` lists them all"
    return InputError(f"the key must be one of the config's, got {key!r}: {way_out}")
