"""What the sources that read files share: comes in a path, goes out the files, what identifies them and one frame of all.

A path is a file, a folder or a glob; files are read in the order of their names, so that `last row wins` means
something.
"""

import codecs
import glob
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from os import SEEK_END
from pathlib import Path
from typing import Any, Literal

import polars as pl

from forecasting.errors import InputError

Tables = Mapping[Path | str, Callable[[], pl.LazyFrame]]
Differing = Literal["refuse", "fill", "drop"]
READ_ERRORS = (pl.exceptions.PolarsError, OSError, UnicodeError, LookupError)
_SHOWN = 20  # files named in a provenance


def first_file(place: str, suffixes: Sequence[str]) -> Path | None:
    """The first file that a source of these suffixes would read at a local `place`, None where it would read none."""
    path = Path(place).expanduser()
    if not path.exists() or (path / "_delta_log").is_dir():
        return None
    files = sorted(_matches(path, suffixes))
    return next((file for file in files if file.name.lower().endswith(tuple(suffixes))), None)


def find_files(path: str, suffixes: Sequence[str]) -> list[Path]:
    """The files that `path` names: itself, those below a folder with one of `suffixes`, or those a glob matches, sorted.

    Files and folders whose name starts with . or _ are left out of folders: marks and logs, never data. Raises
    InputError where there is none.
    """
    files = sorted(_matches(Path(path).expanduser(), suffixes))
    if not files:
        raise InputError(
            f"a source must be a file, a folder of {' or '.join(suffixes)} files or a glob that matches some, got "
            f"{path!r} (from {Path.cwd()}): set data.source.path"
        )
    for file in files:
        if file.stat().st_size == 0:
            raise InputError(f"a source must have rows, got the empty file {file}: remove it or set data.source.path")
    return files


def _matches(place: Path, suffixes: Sequence[str]) -> set[Path]:
    if place.is_file():
        return {place}
    if (place / "_delta_log").is_dir():
        raise InputError(
            f"a folder of files must not be a Delta table, got {str(place)!r}, whose old files would be read too: "
            "set data.source.kind to delta"
        )
    if place.is_dir():
        below = [file for suffix in suffixes for file in place.rglob(f"*{suffix}")]
        found = [file for file in below if not any(part[0] in "._" for part in file.relative_to(place).parts)]
    else:
        found = [Path(match) for match in glob.glob(str(place), recursive=True)]  # noqa: PTH207 - absolute pattern
    return {file for file in found if file.is_file()}


def identity_of(files: Sequence[Path]) -> list[tuple[str, int, int, int]]:
    """Absolute path, size, and times of change of content and of anything (ns): what tells that no file was touched."""
    stats = [(str(file.resolve()), file.stat()) for file in files]
    return [(path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for path, stat in stats]


def footers_of(files: Sequence[Path]) -> list[str]:
    """sha256 of each Parquet file's footer, which holds counts, ranges and sizes of all its columns."""
    digests = []
    for file in files:
        with file.open("rb") as opened:
            opened.seek(-8, SEEK_END)
            length = int.from_bytes(opened.read(4), "little")
            opened.seek(-8 - length, SEEK_END)
            digests.append(sha256(opened.read(length)).hexdigest())
    return digests


def provenance_of(kind: str, files: Sequence[Path]) -> dict[str, Any]:
    """Kind, number and bytes of files, and the first of them with their sizes."""
    sizes = {str(file): file.stat().st_size for file in files}
    shown = dict(list(sizes.items())[:_SHOWN])
    return {"kind": kind, "n_files": len(sizes), "bytes": sum(sizes.values()), "files": shown}


def schemas_of(files: Sequence[Path], schema_of: Callable[[Path], pl.Schema]) -> list[pl.Schema]:
    """The schema of each file; raises InputError that names the first that cannot be read."""
    schemas = []
    for file in files:
        try:
            schemas.append(schema_of(file))
        except READ_ERRORS as error:
            raise unreadable(file, error) from None
    return schemas


def unreadable(file: Path | str, error: Exception, options: str = "") -> InputError:
    """The error of a file that cannot be read, with the first line of what the reader said."""
    said = (str(error).splitlines() or [type(error).__name__])[0]
    where = f"data.source ({options})" if options else "data.source"
    return InputError(f"a source must be readable, got {file}: {said}: mend the file or set {where}")


def shared_columns(files: Sequence[Path], schemas: Sequence[pl.Schema], differing: Differing) -> list[str]:
    """The columns of the whole, in the order of the first file: all, or with `drop` those that every file has.

    Raises InputError where files differ and `differing` is `refuse`.
    """
    names = list(dict.fromkeys(name for schema in schemas for name in schema))
    missing = {
        file: [name for name in names if name not in schema] for file, schema in zip(files, schemas, strict=True)
    }
    poorest = max(missing, key=lambda file: len(missing[file]))
    if missing[poorest] and differing == "refuse":
        lacks = missing[poorest]
        richer = next(file for file, gaps in missing.items() if lacks[0] not in gaps)
        raise InputError(
            f"all files of a source must have the same columns, got {poorest} without {', '.join(map(repr, lacks))}, "
            f"which {richer} has: mend a file, narrow data.source.path, or set data.source.differing_columns to fill "
            "(with nulls) or drop"
        )
    return [name for name in names if differing == "fill" or not any(name in gaps for gaps in missing.values())]


def shared_types(
    files: Sequence[Path], schemas: Sequence[pl.Schema], columns: Sequence[str], loose: bool = False
) -> dict[str, pl.DataType]:
    """One type per column that holds every file's values: whole and fractional numbers meet as Float64.

    With `loose`, text gives way to any other type: in a file without types an empty column looks like text, and where it
    is none the reader says which value does not fit. Raises InputError for types that do not meet.
    """
    types = {}
    for name in columns:
        found = [(file, schema[name]) for file, schema in zip(files, schemas, strict=True) if name in schema]
        kinds = list(dict.fromkeys(kind for _, kind in found if not (kind == pl.Null or (loose and kind == pl.String))))
        whole = kinds[0] if kinds else found[0][1]
        for kind in kinds[1:]:
            meeting = _meeting(whole, kind)
            if meeting is None:
                first, other = (next(file for file, k in found if k == wanted) for wanted in (kinds[0], kind))
                raise InputError(
                    f"all files of a source must have the same types, got column {name!r} as {kinds[0]} in {first} and "
                    f"as {kind} in {other}: mend the files"
                )
            whole = meeting
        types[name] = whole
    return types


def _meeting(one: pl.DataType, other: pl.DataType) -> pl.DataType | None:
    """The type that holds both without loss of meaning."""
    if one == other:
        return one
    if one.is_numeric() and other.is_numeric():
        whole = one.is_integer() and other.is_integer()
        return pl.Int64() if whole else pl.Float64()
    if {one, other} == {pl.Date, pl.Datetime("us")}:
        return pl.Datetime("us")
    texts = (pl.String, pl.Categorical, pl.Enum)
    return pl.String() if one in texts and other in texts else None


def runs(files: Sequence[Path], keys: Sequence[Any]) -> list[list[Path]]:
    """Files that follow each other with equal keys, together: one scan of many files is quick, many scans are not."""
    return [[file for file, _ in run] for _, run in groupby(zip(files, keys, strict=True), key=itemgetter(1))]


def aligned(frame: pl.LazyFrame, schema: pl.Schema, types: dict[str, pl.DataType]) -> pl.LazyFrame:
    """`frame` in the columns and types of `types`; null where it has no such column."""
    return frame.select(
        (pl.col(name) if name in schema else pl.lit(None).alias(name)).cast(kind) for name, kind in types.items()
    )


def first_fault(rows: Tables, options: str) -> InputError | None:
    """The error of the first of `rows` that cannot be read to its end; `options` names settings that may mend it."""
    for name, opened in rows.items():
        try:
            for _ in opened().collect_batches(chunk_size=1_000_000):
                pass
        except READ_ERRORS as error:
            return unreadable(name, error, options)
    return None


def require_encoding(encoding: str) -> None:
    """Raises InputError for an encoding that Python does not know."""
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise InputError(
            f"encoding must be one that Python knows (utf8, latin-1, cp1252, utf-16), got {encoding!r}: "
            "set data.source.encoding"
        ) from None


def is_utf8(encoding: str) -> bool:
    """Whether a file of this encoding is UTF-8, and may be read as it is."""
    return codecs.lookup(encoding).name in ("utf-8", "ascii")
