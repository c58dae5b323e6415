"""What pydantic finds wrong with a config, in this project's words: rule, value, way out. No sentence of pydantic is passed on."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_origin

from forecasting.config_keys import in_words, inner, is_settings, keys_of, options, sections
from forecasting.errors import nearest

Shown = Callable[[str], str]  # text as it may be repeated: without secrets
_LONGEST = 80  # characters of a value that a message repeats
_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("below", "lt"),
}
_NAME = "1 to 100 letters, digits, dots, dashes and underscores, the first a letter or digit"
_NEEDED = ("missing", "missing_argument", "missing_keyword_only_argument")
_EXTRA = ("extra_forbidden", "unexpected_keyword_argument")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where in a config a mistake is: `path` without pydantic's own labels, the type that is `due` there, which of its forms
    pydantic tried, and the settings that the last key was looked up in (none: an entry of a list or mapping).
    """

    path: tuple[str, ...] = ()
    due: object = None
    tried: object = None
    owner: type | None = None

    @property
    def text(self) -> str:
        """`forecasters.0.cell`."""
        return ".".join(self.path) or "the config"


def sentences(errors: Sequence[Mapping[str, Any]], model: type, shown: Shown) -> list[str]:
    """One sentence per mistake. Where a union was tried, only what is wrong with the form that fits best."""
    found: dict[tuple[str, ...], tuple[Place, Mapping[str, Any]]] = {}
    for error in errors:
        place = place_of(model, error["loc"])
        found.setdefault(place.path, (place, error))
    return [
        _sentence(place, error, model, shown)
        for path, (place, error) in found.items()
        if not any(other != path and other[: len(path)] == path for other in found)
    ]


def place_of(model: type, loc: Sequence[int | str]) -> Place:
    """The place that pydantic's `loc` means; it names the member of a union there too, which is no key."""
    place = Place(due=model, tried=model)
    for part in loc:
        members = [o for o in options(place.tried) if o is not type(None)]
        if len(members) > 1:
            place = replace(place, tried=_member(members, str(part)))
        else:
            place = _below(place, members[0] if members else None, str(part))
    return place


def _member(members: list[object], label: str) -> object:
    """The member of a union that pydantic calls `label`: the kind of a source, a class, or a type written out."""
    for member in members:
        if is_settings(member):
            kind = keys_of(member).get("kind")
            if label in (getattr(member, "__name__", ""), kind.default if kind else None):
                return member
    same = [m for m in members if label.startswith(("list", "dict", "tuple")) and get_origin(m) in (list, dict, tuple)]
    return next((m for m in same), next((m for m in members if getattr(m, "__name__", "") == label), None))


def _below(place: Place, takes: object, part: str) -> Place:
    path = (*place.path, part)
    if is_settings(takes):
        key = keys_of(takes).get(part)
        due = key.takes if key else None
        return Place(path=path, due=due, tried=due, owner=takes)
    return Place(path=path, due=inner(takes), tried=inner(takes))


def _sentence(place: Place, error: Mapping[str, Any], model: type, shown: Shown) -> str:
    kind, where = error["type"], place.text
    if kind in _EXTRA:
        return _unknown_key(place, model)
    if kind in _NEEDED:
        return f"{where} is required, got nothing: add it to the config"
    if kind == "union_tag_not_found":
        return f"{where}.kind is required, got nothing: set it to one of {', '.join(_kinds(place))}"
    if kind == "union_tag_invalid":
        return _unknown_value(f"{where}.kind", error["ctx"]["tag"], _kinds(place), shown)
    words = [str(value) for option in options(place.due) if get_origin(option) is Literal for value in get_args(option)]
    if kind == "literal_error" and len(words) > 1:
        return _unknown_value(where, error["input"], words, shown)
    return f"{where} must be {_rule(place, error)}, got {_value(error.get('input'), shown)}: set {where}"


def _rule(place: Place, error: Mapping[str, Any]) -> str:
    """What is due at the place, by pydantic's type of error where it says more than the type of the key."""
    kind = error["type"]
    if kind in _LIMITS:
        words, bound = _LIMITS[kind]
        return f"{words} {error['ctx'][bound]}"
    if kind == "string_pattern_mismatch":
        return _NAME
    return in_words(place.due, nulls=True) if place.due is not None else "a value of another type"


def _unknown_value(where: str, value: object, known: Sequence[str], shown: Shown) -> str:
    """`... must be one of ..., got 'sevral': did you mean several?`."""
    near = nearest(value, known) if isinstance(value, str) else None
    way_out = f"did you mean {near}?" if near else f"set {where}"
    return f"{where} must be one of {', '.join(sorted(known))}, got {_value(value, shown)}: {way_out}"


def _unknown_key(place: Place, model: type) -> str:
    *parents, name = place.path
    known = list(keys_of(place.owner)) if place.owner else []
    near = nearest(name, known)
    hint = f"did you mean {'.'.join([*parents, near])}?" if near else _elsewhere(name, model) or "remove it;"
    section = ".".join(parents) or "a config"
    return f"unknown keys are refused, got {place.text}: {hint} {section} has the keys {', '.join(known)}"


def _elsewhere(name: str, model: type) -> str | None:
    """A hint where the key exists in another place: `horizon` at the top."""
    homes = [f"{path}.{name}" for path, settings in sections(model) if path and name in keys_of(settings)]
    return f"did you mean {homes[0]}?" if len(homes) == 1 else None


def _kinds(place: Place) -> list[str]:
    """The kinds of source that can stand at a place."""
    return [str(keys_of(option)["kind"].default) for option in options(place.due) if is_settings(option)]


def _value(value: object, shown: Shown) -> str:
    """What was given, as YAML would write it, without secrets and not too long."""
    text = shown(repr(value) if isinstance(value, str) else _as_yaml(value))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _as_yaml(value: object) -> str:
    try:
        return json.dumps(value, default=str, ensure_ascii=False)
    except (TypeError, ValueError):
        return repr(value)
