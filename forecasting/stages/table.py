"""Which stages there are, in their order: what the chain, the commands and the flows are made from.

A stage is the file of its name with a function of its name. Nothing of it is imported before it is called: the command line
reads a stage's options from the text of its file.
"""

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from forecasting.errors import InputError, unknown

Function = Callable[..., Any]
Options = Mapping[str, Any]

_FOLDER = Path(__file__).parent
_TYPES: dict[str, Any] = {
    "bool": bool,
    "str": str,
    "str | None": str | None,
    "int | None": int | None,
    "Path | None": Path | None,
}


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option of a stage's command: a keyword-only parameter of its function, with the line that explains it."""

    name: str
    kind: Any
    default: Any
    metavar: str | None
    help: str

    @property
    def flag(self) -> str:
        """As it is written on the command line."""
        return _flag(self.name)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage. Its function asks for earlier stages' values by the names that these `give` them.

    `variants` are functions of the same file that are called in its place where the option of that name is given;
    `writes_nothing` names those of them that need neither lock nor record. `together`: an option that needs another.
    """

    name: str
    gives: str
    variants: Mapping[str, str] = field(default_factory=dict)
    writes_nothing: frozenset[str] = frozenset()
    together: Mapping[str, str] = field(default_factory=dict)
    in_run: bool = True

    def chosen(self, options: Options) -> Function:
        """The function or the variant that these options ask for."""
        name = next((made for option, made in self.variants.items() if options.get(option)), self.name)
        function: Function = getattr(import_module(f"{__package__}.{self.name}"), name)
        return function

    @property
    def summary(self) -> str:
        """The first line of its function's docstring."""
        return _first_line(self._definitions[self.name])

    @property
    def options(self) -> list[Option]:
        """Those of its function and of its variants; a variant that takes no option of its name is a flag."""
        found = {option.name: option for option in _options_of(self._definitions[self.name])}
        for flag, variant in self.variants.items():
            of_variant = {option.name: option for option in _options_of(self._definitions[variant])}
            line = _first_line(self._definitions[variant]).rstrip(".")
            help_line = line[0].lower() + line[1:]
            found |= of_variant or {flag: Option(name=flag, kind=bool, default=False, metavar=None, help=help_line)}
        return list(found.values())

    @cached_property
    def _definitions(self) -> dict[str, ast.FunctionDef]:
        tree = ast.parse((_FOLDER / f"{self.name}.py").read_text(encoding="utf-8"))
        return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


Table = Mapping[str, Stage]


def table_of(*stages: Stage) -> dict[str, Stage]:
    """The stages by name, in their order."""
    return {stage.name: stage for stage in stages}


STAGES: Table = table_of(
    Stage(name="ingest", gives="data", variants={"dry_run": "ingest_dry"}, writes_nothing=frozenset({"dry_run"})),
    Stage(name="window", gives="windowed"),
    Stage(name="tune", gives="tuned"),
    Stage(name="train", gives="trained"),
    Stage(name="backtest", gives="compared"),
    Stage(name="promote", gives="promoted", variants={"rollback": "roll_back"}),
    Stage(
        name="predict", gives="predicted", variants={"forecaster": "predict_evaluated"}, together={"paths": "output"}
    ),
    Stage(name="report", gives="reported"),
    Stage(name="monitor", gives="monitored", in_run=False),
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One call of a chain: a stage, and which of its functions."""

    stage: Stage
    function: Function
    options: Options

    @property
    def writes(self) -> bool:
        """Whether it needs the pipeline's lock."""
        return not any(self.options.get(option) for option in self.stage.writes_nothing)

    def call(self, values: Mapping[str, Any]) -> Any:
        """The function with what it asks for."""
        keywords = {name: self.options[name] for name in takes(self.function) if name in self.options}
        return self.function(*(values[name] for name in needs(self.function)), **keywords)


def chain_to(target: str | None, options: Options, table: Table) -> list[Step]:
    """The steps to `target` in their order, each stage that it needs first; without a target those of a whole run.

    Raises InputError for an unknown stage, and for options that do not go together, before anything is done.
    """
    if target is None:
        return [_step(stage, {}) for stage in table.values() if stage.in_run]
    if target not in table:
        raise unknown("a stage", target, list(table), "the command")
    makers = {stage.gives: stage for stage in table.values()}
    steps = {target: _step(table[target], options)}
    _require_agreement(steps[target])
    todo = [steps[target]]
    while todo:
        earlier = [makers[value] for value in needs(todo.pop().function) if value in makers]
        for stage in (stage for stage in earlier if stage.name not in steps):
            steps[stage.name] = _step(stage, {})
            todo.append(steps[stage.name])
    return [steps[name] for name in table if name in steps]


def needs(function: Function) -> list[str]:
    """The values that a stage reads, by name."""
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind is not p.KEYWORD_ONLY]


def takes(function: Function) -> list[str]:
    """The options of a stage, by name."""
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]


def _require_agreement(step: Step) -> None:
    """InputError for an option that the chosen function would not look at, or that misses the one it needs."""
    given = [name for name, value in step.options.items() if value is not None and value is not False]
    chosen = next((name for name in step.stage.variants if name in given), None)
    known = takes(step.function)
    for name in given:
        if chosen is not None and name not in (chosen, *known):
            raise InputError(f"{_flag(name)} does not go with {_flag(chosen)}, got both: leave one of them out")
        if chosen is None and name not in known:
            raise unknown(f"an option of {step.stage.name}", name, known, "the command")
        needed = step.stage.together.get(name)
        if needed is not None and needed not in given:
            raise InputError(f"{_flag(name)} is written to a file, got {_flag(name)} alone: add {_flag(needed)} FILE")


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"


def _step(stage: Stage, options: Options) -> Step:
    return Step(stage=stage, function=stage.chosen(options), options=options)


def _options_of(node: ast.FunctionDef) -> Iterator[Option]:
    """Keyword-only parameters, each with its line below `Options:` in the docstring: `name (METAVAR): what it is`."""
    lines = inspect.cleandoc(ast.get_docstring(node) or "").partition("Options:\n")[2].splitlines()
    told = {line.partition(":")[0].split()[0]: line for line in lines if ":" in line}
    for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        head, _, text = told[argument.arg].partition(":")
        kind = _TYPES[ast.unparse(argument.annotation) if argument.annotation else ""]
        yield Option(
            name=argument.arg,
            kind=kind
            if default is not None
            else kind | None,  # what a variant must have is optional on the command line
            default=ast.literal_eval(default) if default is not None else None,
            metavar=head.partition("(")[2].rstrip(")") or None,
            help=text.strip(),
        )


def _first_line(node: ast.FunctionDef) -> str:
    return (ast.get_docstring(node) or "").splitlines()[0]
