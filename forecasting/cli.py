"""The command line: reads a config, runs stages plainly or as a flow, prints what came out, returns an exit code that tells the truth."""

import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from inspect import Parameter, Signature
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forecasting import __version__
from forecasting.environment import prefect_home, prefect_server, quiet
from forecasting.errors import EXIT_CODES, ForecastingError, InputError, Terminated
from forecasting.reporting.console import (
    Terminal,
    print_json,
    show_account,
    show_outcome,
    show_stage,
    show_start,
)
from forecasting.stages.table import STAGES, Options, Stage

if TYPE_CHECKING:
    from flows.own_server import OwnServer
    from forecasting.config import Config
    from forecasting.schema import RunSummary

app = typer.Typer(
    help="Recurrent forecasters that are promoted only when they beat the best statistical baseline out of sample.",
    epilog="Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items()) + ".",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="the pipeline's YAML file")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="override a value, e.g. --set task.horizon=24")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="only one JSON line on standard output; progress goes to standard error")
]
Strict = Annotated[bool, typer.Option("--strict", help="exit 3 where series were quarantined or fell back")]
Plain = Annotated[bool, typer.Option("--plain", help="the same stages as plain function calls, without Prefect")]
Port = Annotated[int, typer.Option(help="loopback port")]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="do not open a browser")]


@app.command()
def run(
    config_path: ConfigPath,
    overrides: Overrides = None,
    plain: Plain = False,
    as_json: AsJson = False,
    strict: Strict = False,
) -> None:
    """Run the whole pipeline: ingest, window, tune, train, backtest, promote, predict, report."""
    show_start("run", config_path, as_json)
    with _server_of(config_path, overrides or [], plain) as server:
        from forecasting.config import load_config

        config = load_config(config_path, overrides)
        with _terminal(as_json) as terminal:
            summary = _plainly(config) if plain else _as_flow(config, server=server)
            show_outcome(terminal.console, summary, str(config_path))
    _end(summary, as_json, strict)


def _server_of(config_path: Path, overrides: list[str], plain: bool) -> "AbstractContextManager[OwnServer | None]":
    """Prefect's server, which starts while the libraries are loaded; nothing for a plain run."""
    if plain:
        return nullcontext()
    from flows.own_server import own_server
    from forecasting.config_file import read_config, workspace_of

    return own_server(workspace_of(read_config(config_path, overrides)), with_schedules=False)


def _stage_command(stage: Stage) -> Callable[..., None]:
    """The command of one stage, with the options that its function takes."""

    def command(
        config_path: Path, overrides: list[str] | None, plain: bool, as_json: bool, strict: bool, **options: Any
    ) -> None:
        from forecasting.config import load_config

        config = load_config(config_path, overrides)
        given = {name: value for name, value in options.items() if value is not None and value is not False}
        with _terminal(as_json) as terminal:
            called = _plainly if plain or prefect_server() is None else _as_flow
            summary = called(config, stage.name, given)
            show_stage(terminal.console, summary.stages[stage.name])
        _end(summary, as_json, strict)

    own = [
        Parameter(
            option.name,
            Parameter.KEYWORD_ONLY,
            default=option.default,
            annotation=Annotated[option.kind, typer.Option(option.flag, metavar=option.metavar, help=option.help)],
        )
        for option in stage.options
    ]
    shared = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, kind, default in (
            ("overrides", Overrides, None),
            ("plain", Plain, False),
            ("as_json", AsJson, False),
            ("strict", Strict, False),
        )
    ]
    parameters = [Parameter("config_path", Parameter.POSITIONAL_OR_KEYWORD, annotation=ConfigPath), *own, *shared]
    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


for _stage in STAGES.values():
    app.command(_stage.name, help=_stage.summary)(_stage_command(_stage))


def _plainly(config: "Config", target: str | None = None, options: Options | None = None) -> "RunSummary":
    from forecasting.stages.run import run as run_stages

    return run_stages(config, target, options)


def _as_flow(
    config: "Config", target: str | None = None, options: Options | None = None, server: "OwnServer | None" = None
) -> "RunSummary":
    from flows.run import run_flow

    return run_flow(config, target, options, server)


@app.command()
def serve(config_path: ConfigPath, overrides: Overrides = None) -> None:
    """Schedule train, predict and monitor as Prefect deployments on a loopback server that ends with this command."""
    from forecasting.config import load_config

    config = load_config(config_path, overrides)
    prefect_home(config.workspace.absolute())
    from flows.deployments import serve as serve_now

    serve_now(config)


@app.command()
def ui(config_path: ConfigPath, overrides: Overrides = None, port: Port = 5000, no_browser: NoBrowser = False) -> None:
    """Open the MLflow UI on this pipeline's store."""
    from forecasting.config import load_config
    from forecasting.tracking.ui import serve_ui

    config = load_config(config_path, overrides)
    workspace = config.workspace.absolute()
    uri = config.tracking.uri or f"sqlite:///{workspace / 'mlflow.db'}"
    raise typer.Exit(serve_ui(uri, config.tracking.artifacts or str(workspace / "artifacts"), port, not no_browser))


@app.command()
def dashboard(
    config_path: ConfigPath, overrides: Overrides = None, port: Port = 8501, no_browser: NoBrowser = False
) -> None:
    """Open the dashboard: leaderboard, and any series with its forecasts."""
    from dashboards.launch import launch
    from forecasting.config import load_config

    config = load_config(config_path, overrides)
    raise typer.Exit(launch(config.workspace.absolute(), config.name, port, not no_browser))


@app.command()
def init(
    data: Annotated[
        str,
        typer.Argument(metavar="DATA", help="a file, a folder, URL#TABLE of a database, builtin:NAME, or simulated"),
    ],
    output: Annotated[
        Path | None, typer.Option(help="where to write; default: NAME.yaml in the current folder")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(metavar="OURS=THEIRS", help="name a column, e.g. --column unique_id=store")
    ] = None,
) -> None:
    """Write a config from the data: frequency, season and horizon proposed, each with the reason."""
    from forecasting.init.draft import draft, write_new

    path = write_new(*draft(data, _pairs(column or [])), output)
    typer.echo(path.read_text(encoding="utf-8"), nl=False)
    typer.echo(f"written to {path}; next: forecast run {path}", err=True)


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    if bad := [left + equals + right for left, equals, right in pairs if not (left and right)]:
        raise InputError(f"a column must be named as ours=theirs, got {bad[0]!r}: for example --column y=sales")
    return {left: right for left, _, right in pairs}


@app.command()
def forecasters() -> None:
    """List cells, topologies, heads, baselines and metrics with a line each."""
    from rich.console import Console

    from forecasting.reporting.catalogue import catalogue

    console = Console(highlight=False)
    for title, rows in catalogue().items():
        console.print(f"[bold]{title}[/]")
        for name, line in rows:
            console.print(f"  {name:<20} {line}", markup=False, soft_wrap=True)


@app.command("config")
def config_reference(
    context: typer.Context,
    key: Annotated[str | None, typer.Argument(metavar="KEY", help="a key or section, such as task.horizon")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="print the JSON schema of a config, for editors")] = False,
    resolved: Annotated[
        Path | None, typer.Option(metavar="CONFIG", help="print this config with every default in it, as YAML")
    ] = None,
    overrides: Overrides = None,
    pages: Annotated[Path | None, typer.Option(hidden=True, help="write the manual's generated pages here")] = None,
) -> None:
    """Explain every key of a config: what it takes, its default, what it means; or KEY alone."""
    from rich.console import Console

    from forecasting.config import load_config
    from forecasting.reporting import config_terminal, reference

    if schema:
        typer.echo(config_terminal.schema())
    elif resolved is not None:
        typer.echo(config_terminal.resolved(load_config(resolved, overrides)), nl=False)
    elif pages is not None:
        reference.write(pages, Path.cwd(), context.find_root().command)
    else:
        config_terminal.show_reference(Console(highlight=False), key)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def _terminal(as_json: bool) -> Any:
    from contextlib import contextmanager

    from forecasting.reporting.reporter import reporting

    @contextmanager
    def listen() -> Any:
        with Terminal(as_json=as_json, between_stages=_stop_if_asked) as terminal, reporting(terminal):
            yield terminal

    return listen()


def _end(summary: "RunSummary", as_json: bool, strict: bool) -> None:
    if as_json:
        print_json(summary.model_dump())
    if strict and any(stage.is_partial for stage in summary.stages.values()):
        raise typer.Exit(3)


_asked: list[int] = []  # signals that came; one raised inside a library's callback may be swallowed there


def _on_signal(number: int, _: FrameType | None) -> None:
    _asked.append(number)
    _stop_if_asked()


def _stop_if_asked() -> None:
    """Raises what the newest signal means; asked again between stages, where nothing swallows it."""
    if _asked:
        raise Terminated if _asked[-1] == signal.SIGTERM else KeyboardInterrupt


def main() -> None:
    """The entry point: named errors become one message and their exit code."""
    quiet()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _on_signal)
    try:
        app(prog_name="forecast")
    except ForecastingError as error:
        if told := getattr(error, "account", None):
            show_account(Terminal(as_json=True).console, told)
        _fail(str(error), error.exit_code)
    except SystemExit as end:
        if end.code == 130 and isinstance(end.__context__, BaseException):  # what typer makes of an interrupt
            signal_name, code = ("SIGTERM", 143) if _caused_by_sigterm(end) else ("Ctrl-C", 130)
            _fail(f"stopped by {signal_name}; what was finished is kept: run the same command again to go on", code)
        raise


def _caused_by_sigterm(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, Terminated):
        error = error.__cause__ or error.__context__
    return error is not None


def _fail(message: str, code: int) -> None:
    sys.stderr.write(f"error: {message}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
