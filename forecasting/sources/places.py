"""Where a table lies: goes in a path or URI with storage options, goes out what polars and deltalake open, secrets filled in.

A local path, file://, or an object store: s3://, gs://, az:// (abfss://), http(s)://. Secrets are ${NAME} references to the
environment, in the options as in the URI.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.parse import unquote
from urllib.request import Request, urlopen

from forecasting.errors import InputError
from forecasting.sources.secrets import (
    Resolved,
    require_no_password,
    require_references,
    resolved_options,
    resolved_url,
)

Options = dict[str, str | int]
_WAIT = 10.0  # seconds for the headers of a web server
_IDENTITY = ("ETag", "Last-Modified", "Content-Length")


@dataclass(frozen=True)
class Place:
    """`uri` and `options` may hold secrets and are not to be shown; `told` is the path as the config has it."""

    told: str
    uri: str = field(repr=False)
    options: Options = field(repr=False)
    hidden: tuple[str, ...] = field(repr=False)

    @staticmethod
    def require_no_secrets(path: str, options: Options) -> None:
        """Raises InputError where a secret is written out."""
        require_no_password(path, "data.source.path")
        require_references({key: str(value) for key, value in options.items()}, "data.source.storage_options")

    @staticmethod
    def resolved(path: str, options: Options) -> "Place":
        """References filled in, ~ expanded, file:// taken off; raises InputError for a variable that is not set."""
        url = resolved_url(path, "data.source.path")
        texts = {key: value for key, value in options.items() if isinstance(value, str)}
        filled = resolved_options(texts, "data.source.storage_options")
        local = unquote(url.text.removeprefix("file://")) if url.text.startswith("file://") else url.text
        uri = local if _is_remote(local) else str(Path(local).expanduser())
        hidden = tuple(value for part in (url, *filled.values()) for value in part.hidden)
        return Place(path, uri, options | {key: value.text for key, value in filled.items()}, hidden)

    @property
    def is_remote(self) -> bool:
        """Whether it lies in an object store or behind a web server."""
        return _is_remote(self.uri)

    @property
    def texts(self) -> dict[str, str]:
        """The options as text only."""
        return {key: str(value) for key, value in self.options.items()}

    def clean(self, message: str) -> str:
        """`message` without secrets."""
        return Resolved("", self.hidden).clean(message)

    def unreadable(self, error: Exception, options: str) -> InputError:
        """The error of what cannot be read there, without secrets; `options` names settings that may mend it."""
        if isinstance(error, InputError):
            return error
        said = self.clean((str(error).splitlines() or [type(error).__name__])[0])
        return InputError(f"a source must be readable, got {self.told}: {said}: set data.source ({options})")

    def identity(self) -> dict[str, str] | None:
        """What a web server tells of the file's version; None for other stores, and where it tells nothing."""
        if not self.uri.startswith(("http://", "https://")):
            return None
        try:
            with urlopen(Request(self.uri, method="HEAD"), timeout=_WAIT) as answer:
                told = {name: answer.headers[name] for name in _IDENTITY if answer.headers[name]}
        except (URLError, OSError):
            return None
        return told if {"ETag", "Last-Modified"} & set(told) else None


def _is_remote(uri: str) -> bool:
    return re.match(r"[A-Za-z][\w+.-]+://", uri) is not None
