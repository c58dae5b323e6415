"""A full disk as an error that a user can mend: comes in what polars, deltalake or the system raised, goes out a LimitError."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deltalake.exceptions import DeltaError
from polars.exceptions import PolarsError

from forecasting.errors import LimitError

_FULL = {errno.ENOSPC: "no space left", errno.EDQUOT: "the quota is used up", errno.EFBIG: "the file limit is reached"}


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Around whatever writes below `folder`; other errors pass."""
    try:
        yield
    except (OSError, PolarsError, DeltaError) as error:
        told = re.search(r"\(os error (\d+)\)", str(error))
        number = int(told[1]) if told else getattr(error, "errno", None)
        if number not in _FULL:
            raise
        raise LimitError(
            f"the disk must have room for what is written, got {_FULL[number]} below {folder}: make room and run again; "
            "nothing was published"
        ) from error
