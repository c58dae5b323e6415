"""Secrets in settings: goes in text with ${NAME} references, goes out the text with the variables' values and what to hide.

A config, and everything stored from it, holds the references only. Whatever leaves a source as text goes through `clean`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from forecasting.environment import variable
from forecasting.errors import InputError

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET_KEY = re.compile(
    r"password|passwd|secret|token|credential|signature|sas|^sig$|private|(access|account)_key$", re.I
)
_WRITTEN = re.compile(
    r"""((?:password|passwd|secret|token|credential|signature|sas|private|_key)\w*['"]?\s*[:=]\s*['"]?)[^\s'"&,}]+""",
    re.I,
)
_HIDDEN = "***"


@dataclass(frozen=True)
class Resolved:
    """`text` with the values of the environment in it; `hidden` are the values that nobody may see."""

    text: str
    hidden: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Resolved({_HIDDEN})"

    def clean(self, message: str) -> str:
        """`message` without any hidden value, plain or percent-encoded."""
        forms = {form for value in self.hidden for form in (value, quote(value, safe=""), unquote(value)) if form}
        for form in sorted(forms, key=len, reverse=True):
            message = message.replace(form, _HIDDEN)
        return message


def resolved_url(url: str, where: str) -> Resolved:
    """`url` with its references replaced; before @ and after ? their values are percent-encoded, so any password fits.

    Raises InputError for a variable that is not set.
    """
    whole = _REFERENCE.fullmatch(url.strip())
    if whole:
        text = _value(whole[1], where)
        return Resolved(text, (text, *_parts_of_password(text)))
    scheme, user, rest = _split(url)
    place, mark, query = rest.partition("?")
    parts = [_filled(user, where, _encoded), _filled(place, where), _filled(query, where, _encoded)]
    text = scheme + parts[0].text + parts[1].text + mark + parts[2].text
    return Resolved(text, tuple(value for part in parts for value in part.hidden))


def resolved_options(options: Mapping[str, str], where: str) -> dict[str, Resolved]:
    """Every value with its references replaced. Raises InputError for a variable that is not set."""
    return {key: _filled(value, f"{where}.{key}") for key, value in options.items()}


def require_references(options: Mapping[str, str], where: str) -> None:
    """Raises InputError where the value of a key such as aws_secret_access_key is written out."""
    for key, value in options.items():
        if _SECRET_KEY.search(key) and not _REFERENCE.fullmatch(value):
            raise InputError(
                f"a secret must come from the environment, got one written out in {where}.{key}: "
                f"write ${{NAME}} there, set the variable NAME, and change the secret, since the file has shown it"
            )


def require_no_password(url: str, where: str) -> None:
    """Raises InputError where a password is written out in `url`."""
    password = _split(url)[1].rstrip("@").partition(":")[2]
    query = dict(parse_qsl(urlsplit(url.replace("${", "$").replace("}", "")).query))
    written = [value for key, value in query.items() if _SECRET_KEY.search(key) and not value.startswith("$")]
    if (password and not _REFERENCE.fullmatch(password)) or written:
        raise InputError(
            f"a password must come from the environment, got one written out in {where}: write ${{NAME}} in its place "
            "(as postgresql://user:${NAME}@host/database), set the variable NAME, and change the password, since the file "
            "has shown it"
        )


def masked(text: str) -> str:
    """`text` without what looks like a password in a URL or the value of a secret key: for messages about bad configs."""
    text = re.sub(r"://[^\s'\"]*@", f"://{_HIDDEN}@", text)
    return _WRITTEN.sub(rf"\1{_HIDDEN}", text)


def _split(url: str) -> tuple[str, str, str]:
    """Scheme with ://, user and password with @, and the rest."""
    found = re.match(r"([\w+.-]+://)?([^/?#]*@)?(.*)", url, re.DOTALL)
    return (found[1] or "", found[2] or "", found[3]) if found else ("", "", url)


def _encoded(value: str) -> str:
    return quote(value, safe="")


def _filled(text: str, where: str, encode: Callable[[str], str] = str) -> Resolved:
    values = {name: _value(name, where) for name in _REFERENCE.findall(text)}
    return Resolved(_REFERENCE.sub(lambda found: encode(values[found[1]]), text), tuple(values.values()))


def _value(name: str, where: str) -> str:
    value = variable(name)
    if not value:
        raise InputError(f"the environment variable {name} must be set, since {where} names it, got nothing: set it")
    return value


def _parts_of_password(url: str) -> tuple[str, ...]:
    """The password of a whole URL, and its pieces: a driver that reads the URL wrongly may tell a piece of it."""
    password = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    query = [value for key, value in parse_qsl(url.partition("?")[2]) if _SECRET_KEY.search(key)]
    return tuple(part for part in (password, *query, *re.split(r"[@:/?#]", password)) if len(part) > 2)
