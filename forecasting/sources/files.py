"""What the sources that read files share: comes in a path and a reader, goes out one frame of all files.

A path is a file, a folder or a glob; files are read in the order of their names, so that `last row wins` means
something.
"""

import glob
from collections.abc import Callable
from pathlib import Path

import polars as pl

from forecasting.errors import InputError


def find_files(path: str, suffix: str) -> list[Path]:
    """The files that `path` names: itself, those below a folder that end in `suffix`, or those a glob matches, sorted.

    Raises InputError where there is none.
    """
    place = Path(path).expanduser()
    if place.is_file():
        return [place]
    if (place / "_delta_log").is_dir():
        raise InputError(f"a folder of files must not be a Delta table, got {path!r}: its old files would be read too")
    matches = glob.glob(str(place), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    found = place.rglob(f"*{suffix}") if place.is_dir() else map(Path, matches)
    files = sorted(file for file in found if file.is_file())
    if not files:
        raise InputError(
            f"a source must be a file, a folder of {suffix} files or a glob that matches some, got {path!r} "
            f"(from {Path.cwd()}): set data.source.path"
        )
    return files


def read_files(files: list[Path], read: Callable[[Path], pl.DataFrame]) -> pl.DataFrame:
    """All files below each other, columns in the order of the first; whole and fractional numbers meet as Float64.

    Raises InputError for a file that is empty, unreadable or has other columns than the first, and for no rows at all.
    """
    frames = [_read_one(file, read) for file in files]
    first = frames[0].columns
    for file, frame in zip(files, frames, strict=True):
        differing = sorted(set(first) ^ set(frame.columns))
        if differing:
            raise InputError(
                f"all files of a source must have the same columns, got {file} that differs from {files[0]} in "
                f"{', '.join(map(repr, differing))}: mend the file or narrow data.source.path"
            )
    try:
        whole = pl.concat([frame.select(first) for frame in frames], how="vertical_relaxed", rechunk=True)
    except pl.exceptions.SchemaError as error:
        raise InputError(f"all files of a source must have the same types, got {error}: mend the files") from None
    if whole.is_empty():
        raise InputError(f"a source must have rows, got none in {', '.join(map(str, files[:5]))}: set data.source.path")
    return whole


def _read_one(file: Path, read: Callable[[Path], pl.DataFrame]) -> pl.DataFrame:
    if file.stat().st_size == 0:
        raise InputError(f"a source must have rows, got the empty file {file}: set data.source.path")
    try:
        return read(file)
    except (pl.exceptions.PolarsError, OSError, UnicodeError, LookupError) as error:
        raise InputError(
            f"a source must be readable, got {file}: {str(error).splitlines()[0]}: mend the file or set data.source"
        ) from None
