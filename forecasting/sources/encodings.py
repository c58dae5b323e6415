"""Encodings of text files, as Python names them."""

import codecs

from forecasting.errors import InputError


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
