"""Hive partitions: comes in the paths of files below a folder, goes out a value per file and column=value folder.

.../country=Peru/year=2024/0.parquet has country Peru and year 2024 in all its rows.
"""

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import polars as pl

Value = str | int | date | None
_NULL = "__HIVE_DEFAULT_PARTITION__"
_INTEGER = re.compile(r"0|-?[1-9]\d{0,17}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def partition_columns(root: str, files: Sequence[Path]) -> tuple[pl.Schema, dict[Path, dict[str, Value]]]:
    """The columns that folders below `root` tell, and their values per file.

    A column is Int64 or Date where all values of all files are such, else text: 007 is text.
    """
    texts = {file: _texts(root, file) for file in files}
    names = dict.fromkeys(name for told in texts.values() for name in told)
    types = pl.Schema({name: _kind([told.get(name) for told in texts.values()]) for name in names})
    return types, {
        file: {name: _value(text, types[name]) for name, text in told.items()} for file, told in texts.items()
    }


def _texts(root: str, file: Path) -> dict[str, str | None]:
    """column=value folders between `root` (up to its first wildcard) and the file."""
    fixed = Path(re.split(r"[*?\[]", root)[0])
    below = file.relative_to(fixed).parts if file.is_relative_to(fixed) else file.parts
    pairs = [part.partition("=") for part in below[:-1] if "=" in part]
    return {unquote(name): None if value == _NULL else unquote(value) for name, _, value in pairs}


def _kind(texts: Sequence[str | None]) -> pl.DataType:
    values = [text for text in texts if text is not None]
    if values and all(_INTEGER.fullmatch(text) for text in values):
        return pl.Int64()
    return pl.Date() if values and all(_is_date(text) for text in values) else pl.String()


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        return False


def _value(text: str | None, kind: pl.DataType) -> Value:
    if text is None or kind == pl.String:
        return text
    return int(text) if kind == pl.Int64 else date.fromisoformat(text)
