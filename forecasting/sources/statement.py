"""One SQL query that only reads: goes in text with :name parameters, goes out text with the driver's placeholders."""

import re
from collections.abc import Mapping, Sequence

from forecasting.errors import InputError

# What is no code: comments, texts, quoted names, PostgreSQL's $tag$ texts. Parameters and casts are told apart after these.
_TOKEN = re.compile(
    r"""(?P<skip>--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|::)"""
    r"""|(?<![\w:]):(?P<name>[A-Za-z_]\w*)|(?P<end>;)""",
    re.DOTALL,
)
_READS = ("select", "with", "values", "table", "from")
_COMMENT = re.compile(r"\A(?:\s|\(|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)


def require_one_query(query: str, parameters: Mapping[str, object]) -> None:
    """Raises InputError for several statements, for one that does not read, and for parameters that do not match."""
    code = _code(query)
    if ";" in code.rstrip().removesuffix(";"):
        raise InputError("a query must be one statement, got several: set data.source.query to one SELECT")
    first = re.match(r"\w*", query[len((_COMMENT.match(query) or [""])[0]) :])
    if first is None or first[0].lower() not in _READS:
        raise InputError(
            f"a query must only read, got one that starts with {query.strip()[:20]!r}: set data.source.query to a SELECT"
        )
    named = set(_names(query))
    if named != set(parameters):
        missing, extra = sorted(named - set(parameters)), sorted(set(parameters) - named)
        raise InputError(
            f"the parameters must be those that the query names (:name), got none for {missing} and unused {extra}: "
            "set data.source.parameters"
        )


def placed(query: str, mark: str) -> tuple[str, list[str]]:
    """The query with numbered placeholders (`mark` and a number from 1), and the name of each number."""
    order = list(dict.fromkeys(_names(query)))
    text = _TOKEN.sub(lambda found: f"{mark}{order.index(found['name']) + 1}" if found["name"] else found[0], query)
    return text.strip().removesuffix(";"), order


def quoted(table: str, quotes: Sequence[str]) -> str:
    """schema.table as quoted names: whatever the text holds, it is a name and never code."""
    left, right = quotes[0], quotes[-1]
    return ".".join(f"{left}{part.replace(right, right * 2)}{right}" for part in table.split("."))


def _names(query: str) -> list[str]:
    return [found["name"] for found in _TOKEN.finditer(query) if found["name"]]


def _code(query: str) -> str:
    """The query without comments, texts and quoted names."""
    return _TOKEN.sub(lambda found: ";" if found["end"] else " ", query)
