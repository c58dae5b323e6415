"""The commands as a page: arguments and options of each, read off the command line itself."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, cast

from forecasting.reporting.markdown import code, table


class Parameter(Protocol):
    """What is read of an argument or option."""

    @property
    def name(self) -> str | None: ...
    @property
    def param_type_name(self) -> str: ...
    @property
    def opts(self) -> list[str]: ...
    @property
    def metavar(self) -> str | None: ...
    @property
    def required(self) -> bool: ...
    @property
    def default(self) -> object: ...


class Command(Protocol):
    """What is read of a command; the root has others below it."""

    @property
    def help(self) -> str | None: ...
    @property
    def params(self) -> Sequence[Parameter]: ...


def commands_page(root: Command) -> str:
    """One section per command, in the order of the command line."""
    commands = cast(Mapping[str, Command], getattr(root, "commands", {}))
    parts = [_section(name, command) for name, command in commands.items() if not getattr(command, "hidden", False)]
    intro = (
        "# Commands\n\n"
        "`forecast --help` lists them, `forecast COMMAND --help` tells one. "
        "Exit codes: see [operating](../serving.md#exit-codes).\n\n"
    )
    return intro + "\n".join(parts)


def _section(name: str, command: Command) -> str:
    shown = [p for p in command.params if not getattr(p, "hidden", False) and p.name != "help"]
    arguments = [p for p in shown if p.param_type_name == "argument"]
    usage = " ".join(["forecast", name, *(_argument(p) for p in arguments)])
    about = " ".join((command.help or "").split())
    rows = [*_rows(shown)]
    listed = "\n" + table(("argument or option", "what it does", "default"), rows) if rows else ""
    return f"## {code(usage)}\n\n{about}\n{listed}"


def _rows(parameters: Sequence[Parameter]) -> Iterator[tuple[str, str, str]]:
    for p in parameters:
        about = getattr(p, "help", None) or ""
        if p.param_type_name == "argument":
            yield code(_argument(p)), about, "required" if p.required else ""
        else:
            value = "" if getattr(p, "is_flag", False) else f" {p.metavar or (p.name or '').upper()}"
            yield code(" ".join(p.opts) + value), about, _default(p)


def _argument(p: Parameter) -> str:
    name = (p.metavar or p.name or "").strip("[]").upper()
    return name if p.required else f"[{name}]"


def _default(p: Parameter) -> str:
    nothing = p.default is None or callable(p.default) or isinstance(p.default, bool | list | tuple)
    return "required" if p.required else "" if nothing else code(str(p.default))
