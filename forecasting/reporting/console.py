"""What a person sees on the terminal: progress bars while stages run, then leaderboard, verdict and the next commands."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from forecasting.schema import IngestSummary, PromoteSummary, RunSummary, StageSummary

LABELS = {  # of the leaderboard's columns; those of its metrics stand in their rows
    "skill_seasonal_naive": "vs seas. naive",
    "skill_best_baseline": "vs best",
    "interval": "between",
    "win_rate": "wins",
    "mean_rank": "rank",
    "n_parameters": "params",
    "seconds": "s",
}


class Terminal:
    """A reporter that draws; with `as_json` all of it goes to standard error, so that standard output is one JSON line.

    `between_stages` is called whenever a stage begins or ends.
    """

    def __init__(self, *, as_json: bool = False, between_stages: Callable[[], None] = lambda: None) -> None:
        self.between_stages = between_stages
        self.console = _console(as_json)
        self._progress = Progress(*_columns(self.console.width), console=self.console, transient=True, expand=True)
        self._bars: dict[str, TaskID] = {}
        self._lines: dict[str, float] = {}

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def stage(self, name: str) -> None:  # noqa: ARG002 - bars carry the names
        """Old bars go when a stage begins."""
        self.between_stages()
        for bar in self._bars.values():
            self._progress.remove_task(bar)
        self._bars.clear()
        self._lines.clear()

    def progress(self, what: str, done: int, total: int, text: str) -> None:
        """A bar for each; in a log file a line at the beginning, every ten seconds and at the end."""
        if not self.console.is_terminal:
            now = time.monotonic()
            if done >= total or now - self._lines.setdefault(what, now - 11) > 10:
                self._lines[what] = now
                self.console.print(f"  {what:<34} {done}/{total}  {text}", style="dim", soft_wrap=True)
            return
        if what not in self._bars:
            self._bars[what] = self._progress.add_task(what, total=total, text=text)
        self._progress.update(self._bars[what], completed=done, total=total, text=text)

    def finished(self, name: str, sentence: str, reused: bool) -> None:
        """One line per stage."""
        mark = ("reused", "cyan") if reused else ("done  ", "green")
        self._say(mark, " ", (f"{name:<9}", "bold"), " ", sentence)
        self.between_stages()

    def warn(self, text: str) -> None:
        """On a line of its own."""
        self._say(("note", "yellow"), "   ", text)

    def _say(self, *parts: str | tuple[str, str]) -> None:
        """One print for a whole line: the bars below are drawn anew after each and would cover half a line. A terminal
        gets it broken between words, a log file in one piece."""
        self.console.print(Text.assemble(*parts), soft_wrap=not self.console.is_terminal)


def _columns(width: int) -> list[ProgressColumn]:
    """Of a bar: what, how far, since when, and a text that gets what is left; counts are never cut, so a narrow terminal
    has a shorter label and neither drawing nor text."""
    counts = [MofNCompleteColumn(), TimeElapsedColumn()]
    if width < 80:
        return [_label(max(8, width - 24)), *counts]
    text = TextColumn(
        "{task.fields[text]}", style="dim", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")
    )
    return [_label(34), BarColumn(bar_width=24), *counts, text]


def _label(width: int) -> TextColumn:
    return TextColumn("  {task.description}", table_column=Column(width=width + 2, no_wrap=True, overflow="ellipsis"))


def show_start(command: str, config_path: Path, as_json: bool) -> None:
    """The first line of a command that loads libraries for seconds before it can know anything of the data."""
    line = f"forecast {command} {config_path}: loading the libraries, then the data; Ctrl-C stops it at any time"
    _console(as_json).print(line, style="dim", markup=False, soft_wrap=True)


def _console(stderr: bool) -> Console:
    """As wide as the terminal; a log file gets a width in which the leaderboard fits."""
    console = Console(stderr=stderr, highlight=False)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, width=120)


def show_leaderboard(console: Console, rows: list[dict[str, Any]], champion: str | None) -> None:
    """The leaderboard as a table: best first, the champion marked, what cannot be told apart from the first one too."""
    from forecasting.evaluation.metrics import labels_of  # numpy: the first line of a command does not wait for it

    table = Table(
        title="Leaderboard: all on the same series and cutoffs",
        title_justify="left",
        header_style="bold",
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )
    shown = [_combined(row) for row in rows]
    columns = [c for c in shown[0] if c not in ("model", "kind", "mark")]
    labels = LABELS | {name: label.short or label.name for name, label in labels_of(columns).items()}
    table.add_column("", width=2)
    table.add_column("model", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    for column in columns:
        table.add_column(labels.get(column, column), justify="right", no_wrap=True)
    for row in shown:
        own = row["model"] == champion
        table.add_row(
            ("*" if own else " ") + row["mark"],
            row["model"],
            row["kind"],
            *(_shown(c, row[c]) for c in columns),
            style="bold green" if own else None,
        )
    console.print(table)
    console.print(
        "wins, and the skill with its bounds, are against the best baseline"
        + ("; = cannot be told apart from the first" if any(row["mark"] == "=" for row in shown) else ""),
        style="dim",
    )


def _combined(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the leaderboard as a terminal has room for it: bounds in one column, seconds in one."""
    skip = (
        "rank",
        "n_scores",
        "n_fallback",
        "low",
        "high",
        "tied",
        "fit_seconds",
        "predict_seconds",
        "skill_seasonal_naive",
    )
    low, high = row.get("low"), row.get("high")
    kept: dict[str, Any] = {"mark": "=" if row.get("tied") else " "}
    for column, value in row.items():
        if column not in skip:
            kept[column] = "network" if column == "kind" and value == "recurrent" else value
        if column == "skill_best_baseline":
            kept["interval"] = None if low is None or high is None else f"{low:+.0%} {high:+.0%}"
    return kept | {"seconds": (row.get("fit_seconds") or 0.0) + (row.get("predict_seconds") or 0.0)}


def _shown(column: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str | int):
        return f"{value:,}" if isinstance(value, int) else value
    if column.startswith("skill"):
        return f"{value:+.1%}"
    if column in ("coverage", "win_rate"):
        return f"{value:.1%}" if column == "coverage" else f"{value:.0%}"
    return f"{value:.1f}" if column in ("seconds", "mean_rank") else f"{value:.4g}"


def show_stage(console: Console, summary: "StageSummary") -> None:
    """What a person asks of one stage beyond its sentence."""
    from forecasting.schema import BacktestSummary, IngestSummary, PredictSummary, PromoteSummary

    match summary:
        case IngestSummary():
            show_ingest(console, summary)
        case BacktestSummary():
            show_leaderboard(console, summary.leaderboard, None)
        case PromoteSummary():
            show_rules(console, summary)
        case PredictSummary():
            for key, value in summary.model_dump(exclude_defaults=True).items():
                console.print(f"  {key:<14} {value}", markup=False, soft_wrap=True)


def show_rules(console: Console, promoted: "PromoteSummary") -> None:
    """The gate's rules with their evidence, then its sentence."""
    table = Table(title="What the candidate had to show", title_justify="left", header_style="bold")
    for name, justify in (
        ("rule", "left"),
        ("passed", "left"),
        ("found", "right"),
        ("needed", "right"),
        ("what it is", "left"),
    ):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for rule in promoted.rules:
        numbers = ["" if v is None or rule.value is None else f"{v:.4g}" for v in (rule.value, rule.needed)]
        table.add_row(
            rule.rule.replace("_", " "),
            rule.passed,
            *numbers,
            rule.detail,
            style="red" if rule.passed == "no" else None,
        )
    if promoted.rules:
        console.print(table)
    console.print(promoted.sentence, style="bold", markup=False, soft_wrap=True)


_DONE = {"set aside": "red", "dropped": "yellow", "moved": "yellow", "flagged": "cyan"}


def show_account(console: Console, lines: list[dict[str, Any]]) -> None:
    """What became of series and rows that are not as they should be: a line per reason with one example."""
    if not lines:
        console.print("  every series is as it should be")
        return
    table = Table(header_style="bold", expand=False)
    for name, right in (("reason", False), ("what it means", False), ("series", True), ("rows", True), ("", False)):
        table.add_column(name, justify="right" if right else "left", no_wrap=name == "reason", overflow="fold")
    table.add_column("for example", overflow="fold", min_width=24)
    for line in lines:
        where = f" ({line['key']})" if line["key"] else ""
        nobody = line["reason"] == "null_id"
        name = _printable(line["example"]) or "''"
        table.add_row(
            line["reason"],
            Text(line["meaning"] + where),
            "-" if nobody else f"{line['series']:,}",
            f"{line['rows']:,}",
            Text(line["effect"], style=_DONE[line["effect"]]),
            Text(line["detail"] if nobody else f"{name}: {line['detail']}"),
        )
    console.print(table)


def show_ingest(console: Console, told: "IngestSummary") -> None:
    """What an ingest found and published, or would publish."""
    published = "nothing written (dry run)" if told.version < 0 else f"version {told.version} · {told.digest[:12]}"
    kept = f"{told.n_series:,} of {told.n_input:,} series, {told.n_rows:,} rows of the grid"
    console.print(f"{kept}, y at {told.n_observed:,} of them, {told.first} to {told.last}", markup=False)
    show_account(console, [line.model_dump() for line in told.account])
    console.print(f"{told.n_quarantined:,} series set aside · {published}", markup=False)
    for name, why in told.dropped_covariates.items():
        console.print(f"covariate {name} is dropped: {why}", markup=False, soft_wrap=True)
    if told.changes:
        console.print(told.changes.sentence, markup=False, soft_wrap=True)
        for what, ids in told.changes.examples.items():
            if ids:
                names = ", ".join(_printable(name) or "''" for name in ids)
                console.print(f"  {what:<8} {names}", markup=False, soft_wrap=True)


def _printable(name: str, longest: int = 40) -> str:
    """An id from the data on one line: what is not printable as its escape, cut where it is long."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name[: longest + 1])
    return text if len(text) <= longest else text[: longest - 3] + "..."


def show_outcome(console: Console, summary: "RunSummary", config_path: str) -> None:
    """After a whole run: leaderboard, verdict, where things are, what to do next."""
    from forecasting.schema import BacktestSummary, PredictSummary, PromoteSummary, ReportSummary

    backtest, promoted = summary.of(BacktestSummary), summary.of(PromoteSummary)
    predicted, report = summary.of(PredictSummary), summary.of(ReportSummary)
    show_leaderboard(console, backtest.leaderboard, promoted.model)
    console.print(promoted.sentence, style="bold", markup=False, soft_wrap=True)
    lines = [
        f"forecasts  {predicted.table} ({predicted.n_rows:,} rows, {predicted.n_fallback} series by the fallback)",
        f"report     {report.path}",
        f"run        {summary.run_id} in {summary.seconds:.0f} s"
        + (f"; reused: {', '.join(summary.reused)}" if summary.reused else ""),
        f"next       forecast ui {config_path}          every run, trial and model in the MLflow UI",
        f"           forecast dashboard {config_path}   leaderboard and forecasts of any series",
        f"           forecast predict {config_path}     forecast again when new data has come",
    ]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def print_json(value: dict[str, Any]) -> None:
    """One JSON line on standard output."""
    sys.stdout.write(json.dumps(value, default=str) + "\n")
    sys.stdout.flush()
