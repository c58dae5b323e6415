"""A config's file before it is checked: comes in a path and overrides, goes out a mapping; light, so that it is read at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from forecasting.errors import InputError

WORKSPACE = Path("workspace")  # of a config that names none


def read_config(path: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """The mapping at `path` with `key.path=value` overrides; InputError where it is none or cannot be read."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"the config must be a file that exists, got {path}: give the path of a YAML file") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"the config must be readable YAML, got {path}: {error}") from None
    if not isinstance(raw, dict):
        kind = "nothing" if raw is None else "a list" if isinstance(raw, list) else "a single value"
        raise InputError(
            f"the config must be a mapping of keys to values, got {kind} in {path}: `forecast config` lists the keys"
        )
    for override in overrides:
        _override(raw, override)
    return raw


def workspace_of(raw: dict[str, Any]) -> Path:
    """Where its pipeline will write, if its check finds nothing wrong."""
    named = raw.get("workspace")
    return Path(named) if isinstance(named, str) and named else WORKSPACE


def _override(raw: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise InputError(f"an override must be key.path=value, got {override!r}: for example --set task.horizon=24")
    *parents, last = key.split(".")
    place: Any = raw
    for depth, part in enumerate(parents):
        if isinstance(place, list) and part.isdigit() and int(part) < len(place):
            place = place[int(part)]
        elif isinstance(place, dict):
            place = place.setdefault(part, {})
        else:
            raise InputError(
                f"an override must name a key of the config, got {'.'.join(parents[: depth + 1])!r}: "
                "`forecast config` lists the keys"
            )
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"the value of an override must be YAML, got {override!r}: {reason}: quote or close it"
        ) from None
    if isinstance(place, list) and last.isdigit() and int(last) < len(place):
        place[int(last)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise InputError(f"an override must name a key of the config, got {key!r}: `forecast config` lists the keys")
