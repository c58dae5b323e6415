"""The keys of a config, read off the models that it is made of: what each takes, its default, its meaning.

A key's meaning stands in one place, as a string right below it in its class; `Null: ` says what a null becomes, `Example: `
gives a value as it stands in YAML. What the string leaves out is derived from the type. Imports nobody else of this project.

    horizon: int
    \"\"\"Periods to forecast, at least 1. Example: 14\"\"\"
"""

import ast
import inspect
import re
import textwrap
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, TypeGuard, Union, cast, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt
from pydantic import BaseModel

_WORDS: dict[object, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    date: "a date",
    datetime: "a time stamp",
    type(None): "null",
}
_PARTS = re.compile(r"(?P<text>.*?)(?:\s*Null: (?P<null>.*?))?(?:\s*Example: (?P<example>.*))?", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What is written below a key; an empty `null` or `example` was left out."""

    text: str = ""
    null: str = ""
    example: str = ""


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key of a settings class: `takes` is its type, `bounds` what pydantic checks beyond it."""

    name: str
    takes: object
    required: bool
    default: object
    meaning: Meaning
    bounds: str = ""

    @property
    def nullable(self) -> bool:
        """Whether the config may say null."""
        return type(None) in options(self.takes)


@cache
def keys_of(settings: type) -> Mapping[str, Key]:
    """The keys of a settings class, a pydantic model or a dataclass, in the order of the class."""
    meanings = _meanings(settings)
    kinds = get_type_hints(settings, include_extras=True)
    defaults = dict(_defaults(settings))
    return {
        name: Key(
            name=name,
            takes=_bare(kinds[name]),
            required=default is MISSING,
            default=None if default is MISSING else default,
            meaning=meanings.get(name, Meaning()),
            bounds=_bounds(settings, name),
        )
        for name, default in defaults.items()
    }


def is_settings(takes: object) -> TypeGuard[type]:
    """Whether a type is a mapping of keys of its own."""
    return isinstance(takes, type) and (is_dataclass(takes) or issubclass(takes, BaseModel))


def options(takes: object) -> tuple[object, ...]:
    """The members of a union, nested ones and aliases laid open; any other type alone."""
    takes = _bare(takes)
    if get_origin(takes) in (Union, types.UnionType):
        return tuple(option for member in get_args(takes) for option in options(member))
    return (takes,)


def inner(takes: object) -> object | None:
    """What a list holds, or a mapping's values; None for any other type."""
    origin, arguments = get_origin(takes), get_args(takes)
    if origin in (list, tuple):
        return cast(object, arguments[0])
    return cast(object, arguments[1]) if origin is dict else None


def sections(settings: type, path: str = "") -> Iterator[tuple[str, type]]:
    """Every settings class below `settings` with where it stands: `task`, `forecasters[]`, `data.source (csv)`, each once."""
    yield path, settings
    for name, key in keys_of(settings).items():
        place = f"{path}.{name}" if path else name
        nested = [found for takes in options(key.takes) for found in _nested(takes)]
        if not key.required and len(nested) > 1:
            continue  # `data.future` is any source, told at `data.source`
        for option, suffix in nested:
            kind = f" ({keys_of(option)['kind'].default})" if len(nested) > 1 else ""
            yield from sections(option, place + suffix + kind)


def in_words(takes: object, *, nulls: bool = False) -> str:
    """A type as a person says it: `a whole number or true or false`, `a list of text`; null only where `nulls` asks."""
    members = [o for o in options(takes) if nulls or o is not type(None)]
    if int in members and float in members:
        members.remove(int)  # whole numbers are numbers
    if str in members:
        members = [o for o in members if o not in (date, datetime)]  # in YAML a date is written as text is
    return " or ".join(dict.fromkeys(_in_words(member) for member in members))


def _in_words(takes: object) -> str:
    if get_origin(takes) is Literal:
        values = [str(value) for value in get_args(takes)]
        return values[0] if len(values) == 1 else f"one of {', '.join(values)}"
    held = inner(takes)
    if held is not None:
        return f"{'a mapping of names to' if get_origin(takes) is dict else 'a list of'} {_held(held)}"
    return "a mapping of keys to values" if is_settings(takes) else _WORDS.get(takes, "a value")


def _held(takes: object) -> str:
    """Many of a type: `texts`, `whole numbers`, `mappings`."""
    plain: dict[object, str] = {str: "texts", int: "whole numbers", float: "numbers"}
    members = [o for o in options(takes) if o is not type(None)]
    if all(is_settings(member) for member in members):
        return "mappings"
    return plain.get(members[0], "values") if len(members) == 1 else "values"


def _nested(takes: object) -> Iterator[tuple[type, str]]:
    """The settings that a type is or holds, with how a path says so."""
    held = inner(takes)
    if is_settings(takes):
        yield takes, ""
    elif is_settings(held):
        yield held, ".KEY" if get_origin(takes) is dict else "[]"


def _bare(takes: object) -> object:
    """A type without its annotations."""
    return _bare(get_args(takes)[0]) if get_origin(takes) is Annotated else takes


def _defaults(settings: type) -> Iterator[tuple[str, object]]:
    """Every key with its default, MISSING where it is required."""
    if issubclass(settings, BaseModel):
        for name, info in settings.model_fields.items():
            yield (
                name,
                MISSING if info.is_required() else info.get_default(call_default_factory=True, validated_data={}),
            )
        return
    assert is_dataclass(settings)
    for item in fields(settings):
        made = item.default_factory() if item.default_factory is not MISSING else item.default
        yield item.name, made


def _bounds(settings: type, name: str) -> str:
    """The limits that pydantic checks by itself, in words."""
    found = settings.model_fields[name].metadata if issubclass(settings, BaseModel) else []
    said = [f"at least {rule.ge}" for rule in found if isinstance(rule, Ge)]
    return ", ".join(said + [f"above {rule.gt}" for rule in found if isinstance(rule, Gt)])


def _meanings(settings: type) -> dict[str, Meaning]:
    """The strings below the keys, read from the source of the class."""
    [tree] = ast.parse(textwrap.dedent(inspect.getsource(settings))).body
    assert isinstance(tree, ast.ClassDef)
    return {
        key.target.id: _meaning(below.value.value)
        for key, below in zip(tree.body, tree.body[1:], strict=False)
        if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }


def _meaning(text: str) -> Meaning:
    parts = _PARTS.fullmatch(" ".join(text.split()))
    assert parts is not None
    said = {name: (value or "").strip() for name, value in parts.groupdict().items()}
    return Meaning(text=said["text"], null=said["null"], example=said["example"])
