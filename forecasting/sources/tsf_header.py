"""The header of a tsf file (Monash forecasting archive): goes in lines, goes out attributes, frequency and where data begin.

Comments start with #. @attribute NAME TYPE (string, numeric, date) declares what precedes the values of each series, in
order; @frequency, @horizon, @missing, @equallength and @relation describe them; after @data every line is one series:
attributes and values apart by colons, values by commas, ? where one is missing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from forecasting.errors import InputError

_STEPS = {
    "second": "s",
    "minute": "m",
    "hour": "h",
    "day": "d",
    "week": "w",
    "month": "mo",
    "quarter": "q",
    "year": "y",
}
_NAMES = {"secondly": "second", "minutely": "minute", "hourly": "hour", "daily": "day", "weekly": "week"} | {
    "monthly": "month",
    "quarterly": "quarter",
    "yearly": "year",
}
_TYPES = ("string", "numeric", "date")


@dataclass(frozen=True)
class Header:
    """`attributes`: name and type in the order of the columns. `first` is the number of the first line of data, from 1."""

    attributes: dict[str, str]
    frequency: str | None
    horizon: int | None
    first: int

    @property
    def start(self) -> str | None:
        """The attribute that holds the time stamp of the first value; None where time steps are only counted."""
        return next((name for name, kind in self.attributes.items() if kind == "date"), None)

    @property
    def step(self) -> tuple[int, str]:
        """Periods and polars unit of one time step: half_hourly -> (30, m); raises InputError for an unknown frequency."""
        text = (self.frequency or "").lower()
        if text == "half_hourly":
            return 30, "m"
        found = re.fullmatch(r"(?:(\d+)_)?([a-z]+?)s?", text)
        unit = _NAMES.get(found[2], found[2]) if found else ""
        if not found or unit not in _STEPS:
            raise InputError(
                f"@frequency of a tsf file with start stamps must be one of {', '.join(_NAMES)}, half_hourly or a multiple "
                f"such as 10_minutes, got {self.frequency!r}: mend the file"
            )
        return int(found[1] or 1), _STEPS[unit]


def read_header(lines: Iterable[str]) -> Header:
    """The header of a file's lines; raises InputError for what breaks the format, with the line's number."""
    attributes: dict[str, str] = {}
    told: dict[str, str] = {}
    for number, raw in enumerate(lines, start=1):
        line = raw.removeprefix("\ufeff").strip()
        word, *rest = line.split(maxsplit=2) or [""]
        tag = word.lower()
        if not line or line.startswith("#"):
            continue
        if tag == "@data":
            return _header(attributes, told, number + 1)
        if tag == "@attribute":
            if len(rest) != 2 or rest[1].strip().lower() not in _TYPES or rest[0] in attributes:
                raise _broken(number, line, f"an @attribute must be a new name and one of {', '.join(_TYPES)}")
            attributes[rest[0]] = rest[1].strip().lower()
        elif tag.startswith("@"):
            told[tag] = " ".join(rest)
        else:
            raise _broken(number, line, "a line before @data must start with @ or #")
    raise InputError("a tsf file must have a line @data, got none: mend the file or set data.source.kind")


def _header(attributes: dict[str, str], told: dict[str, str], first: int) -> Header:
    if list(attributes.values()).count("date") > 1:
        raise InputError(f"a tsf file must have one date attribute at most, got {attributes}: mend the file")
    horizon = told.get("@horizon", "")
    return Header(attributes, told.get("@frequency"), int(horizon) if horizon.isdigit() else None, first)


def _broken(number: int, line: str, rule: str) -> InputError:
    return InputError(f"{rule}, got {line[:60]!r} in line {number}: mend the file or set data.source.kind")
