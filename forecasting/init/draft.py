"""A first config from the data alone: comes in a place of data, goes out the YAML text of a pipeline that runs.

What it cannot know it proposes with the reason as a comment; columns are recognised by name, then by type.
"""

import re
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from forecasting.config import parse_config
from forecasting.errors import InputError
from forecasting.init.proposal import Proposal, propose
from forecasting.schema import DS, UNIQUE_ID, Y
from forecasting.sources import SOURCES
from forecasting.sources.scan import Recognised

_KNOWN_AS = {
    UNIQUE_ID: ("unique_id", "item_id", "series_id", "series", "id", "store", "sku", "name"),
    DS: ("ds", "date", "timestamp", "datetime", "time", "day", "week", "month", "year", "period"),
    Y: ("y", "target", "value", "sales", "demand", "quantity", "count", "load", "price"),
}


def draft(data: str, columns: dict[str, str] | None = None) -> tuple[str, str]:
    """Name and YAML text of a config for `data`, a place that a source recognises; `columns` maps our names to the input's.

    Raises InputError where the data cannot be read, or a column cannot be recognised.
    """
    kind, place = _recognised_source(data)
    settings = place.settings | (_columns_of(place.head, columns or {}) if place.head.width else {})
    frame = SOURCES[kind](**settings).read()
    proposal = propose(frame)
    name = re.sub(
        r"[^A-Za-z0-9_.-]+",
        "_",
        data.partition("#")[0].removeprefix("builtin:").rstrip("/").rsplit("/", 1)[-1].split(".")[0],
    )
    name = name.strip("_.-") or "pipeline"
    text = _text(name, {"kind": kind, **settings}, proposal, _covariates(frame))
    parse_config(yaml.safe_load(text))
    return name, text


def write_new(name: str, text: str, output: Path | None) -> Path:
    """Write the config where there is none yet; raises InputError where there is."""
    path = output or Path(f"{name}.yaml")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"a config is never overwritten, got {path} that exists: give another --output") from None
    except OSError as error:
        raise InputError(f"the config must be writable, got {path}: {error.strerror}: give another --output") from None
    return path


def _recognised_source(data: str) -> tuple[str, Recognised]:
    """The one kind of source that takes `data` for its own; InputError where none or several do."""
    made = {kind: source.recognised(data) for kind, source in SOURCES.items()}
    found = [(kind, what) for kind, what in made.items() if what is not None]
    if len(found) == 1:
        return found[0]
    if found:
        kinds = " and ".join(kind for kind, _ in found)
        raise InputError(f"a folder of data must hold one kind of files, got {kinds} in {data}: give a file of it")
    if "://" not in data and ":" not in data and not Path(data).expanduser().exists():
        raise InputError(f"the data must exist, got {data!r} (from {Path.cwd()}): give {_places()}")
    raise InputError(f"the data must be {_places()}, got {data!r}: convert it, or write the config by hand")


def _places() -> str:
    *places, last = (source.looks_like for source in SOURCES.values())
    return f"{'; '.join(places)}; or {last}"


def _columns_of(head: pl.DataFrame, given: dict[str, str]) -> dict[str, Any]:
    """`columns` and `layout` of a table; InputError that lists its columns where a role stays open."""
    found = dict(given)
    for role, names in _KNOWN_AS.items():
        if role not in found:
            lower = {name.lower(): name for name in reversed(head.columns) if name not in found.values()}
            match = next((lower[name] for name in names if name in lower), None)
            found |= {role: match} if match else {}
    free = [name for name in head.columns if name not in found.values()]
    if DS not in found:
        stamps = [name for name in free if head.schema[name].is_temporal()]
        found |= {DS: stamps[0]} if stamps else {}
    numbers = [name for name in free if head.schema[name].is_numeric() and name != found.get(DS)]
    texts = [name for name in free if head.schema[name] == pl.String]
    if UNIQUE_ID not in found and Y not in found and DS in found and numbers and not texts:
        return {"layout": "wide", "columns": {DS: found[DS]}} if found[DS] != DS else {"layout": "wide"}
    if UNIQUE_ID not in found and len(texts) == 1:
        found[UNIQUE_ID] = texts[0]
    if Y not in found and len(numbers) == 1:
        found[Y] = numbers[0]
    if missing := [role for role in _KNOWN_AS if role not in found]:
        raise InputError(
            f"the columns {', '.join(missing)} must be recognised, the data has {', '.join(map(repr, head.columns))}: "
            + "name them with "
            + " ".join(f"--column {role}=NAME" for role in missing)
        )
    renamed = {role: name for role, name in found.items() if role != name}
    return {"columns": renamed} if renamed else {}


def _covariates(frame: pl.DataFrame) -> dict[str, list[str]]:
    """The further columns by what seems to be known of them when."""
    roles: dict[str, list[str]] = {"static": [], "past": [], "known_future": []}
    observed = frame.filter(pl.col(Y).is_not_null())
    last = observed.group_by(UNIQUE_ID).agg(last=pl.col(DS).max())
    after = frame.join(last, on=UNIQUE_ID).filter(pl.col(DS) > pl.col("last"))
    for name in frame.columns:
        if name in (UNIQUE_ID, DS, Y):
            continue
        values = frame.group_by(UNIQUE_ID).agg(pl.col(name).drop_nulls().n_unique().alias("n"))["n"]
        if (values <= 1).all():
            if frame[name].n_unique() < frame[UNIQUE_ID].n_unique():  # else it is a second name of the series
                roles["static"].append(name)
        elif frame.schema[name].is_numeric():
            known = after.height and after[name].null_count() < after.height
            roles["known_future" if known else "past"].append(name)
    return {role: names for role, names in roles.items() if names}


def _text(name: str, settings: dict[str, Any], proposal: Proposal, covariates: dict[str, list[str]]) -> str:
    """The YAML of five lines with what they rest on; further columns as a line to uncomment."""
    why = proposal.reasons
    lines = [
        f"name: {name}",
        "data:",
        f"  source: {_flow(settings)}",
        f"  freq: {proposal.freq}  # {why['freq']}",
        f"  season_length: {proposal.season_length}  # {why['season_length']}",
    ]
    if covariates:
        lines.append("  # further columns, by what seems to be known of them when; check before you use them:")
        lines.append(f"  # covariates: {_flow(covariates)}")
    lines += [f"task: {{horizon: {proposal.horizon}}}  # {why['horizon']}", ""]
    return "\n".join(lines)


def _flow(value: dict[str, Any]) -> str:
    return yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True).strip()
