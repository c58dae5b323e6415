"""What a person sees on the terminal: progress bars while stages run, then leaderboard, verdict and the next commands."""

import json
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

LABELS = {
    "mase": "MASE",
    "smape": "sMAPE",
    "wql": "WQL",
    "coverage": "cov.",
    "skill_seasonal_naive": "vs seas. naive",
    "skill_best_baseline": "vs best base",
    "fit_seconds": "fit s",
    "predict_seconds": "predict s",
}


class Terminal:
    """A reporter that draws; with `as_json` all of it goes to standard error, so that standard output is one JSON line.

    `between_stages` is called whenever a stage begins or ends.
    """

    def __init__(self, *, as_json: bool = False, between_stages: Callable[[], None] = lambda: None) -> None:
        self.between_stages = between_stages
        self.console = _console(as_json)
        self._progress = Progress(
            TextColumn("  {task.description:<34}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[text]}", style="dim"),
            console=self.console,
            transient=True,
        )
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
        mark = "[cyan]reused[/]" if reused else "[green]done[/]  "
        self.console.print(f"{mark} [bold]{name:<9}[/] ", end="")
        self.console.print(sentence, markup=False, soft_wrap=True)
        self.between_stages()

    def warn(self, text: str) -> None:
        """On a line of its own."""
        self.console.print("[yellow]note[/]   ", end="")
        self.console.print(text, markup=False, soft_wrap=True)


def _console(stderr: bool) -> Console:
    """As wide as the terminal; a log file gets a width in which the leaderboard fits."""
    console = Console(stderr=stderr, highlight=False)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, width=120)


def show_leaderboard(console: Console, rows: list[dict[str, Any]], champion: str | None) -> None:
    """The leaderboard as a table: best first, the champion marked."""
    table = Table(title="Leaderboard: all on the same series and cutoffs", title_justify="left", header_style="bold")
    skip = {"rank", "model", "kind", "n_scores", "n_fallback"}
    columns = [c for c in rows[0] if c not in skip]
    table.add_column("", width=1)
    table.add_column("model", no_wrap=True)
    table.add_column("kind")
    for column in columns:
        table.add_column(LABELS.get(column, column), justify="right")
    for row in rows:
        own = row["model"] == champion
        table.add_row(
            "*" if own else "",
            row["model"],
            row["kind"],
            *(_shown(c, row[c]) for c in columns),
            style="bold green" if own else None,
        )
    console.print(table)


def _shown(column: str, value: Any) -> str:
    if value is None:
        return "-"
    if column.startswith("skill"):
        return f"{value:+.1%}"
    if column == "coverage":
        return f"{value:.1%}"
    return f"{value:.1f}" if column.endswith("seconds") else f"{value:.4g}"


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
        name = _printable(line["example"]) or '""'
        table.add_row(
            line["reason"],
            Text(line["meaning"] + where),
            "-" if nobody else f"{line['series']:,}",
            f"{line['rows']:,}",
            Text(line["effect"], style=_DONE[line["effect"]]),
            Text(line["detail"] if nobody else f"{name}: {line['detail']}"),
        )
    console.print(table)


def show_ingest(console: Console, told: dict[str, Any]) -> None:
    """What an ingest found and published, or would publish."""
    published = f"version {told['version']} · {told['digest'][:12]}" if told["digest"] else "nothing written (dry run)"
    kept = f"{told['n_series']:,} of {told['n_input']:,} series, {told['n_rows']:,} rows of the grid"
    console.print(f"{kept}, y at {told['n_observed']:,} of them, {told['first']} to {told['last']}", markup=False)
    show_account(console, told["account"])
    console.print(f"{told['n_quarantined']:,} series set aside · {published}", markup=False)
    if told["changes"]:
        console.print(told["changes"]["sentence"], markup=False, soft_wrap=True)
        for what, ids in told["changes"]["examples"].items():
            if ids:
                console.print(f"  {what:<8} {', '.join(map(_printable, ids))}", markup=False, soft_wrap=True)


def _printable(name: str, longest: int = 40) -> str:
    """An id from the data on one line: what is not printable as its escape, cut where it is long."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name[: longest + 1])
    return text if len(text) <= longest else text[: longest - 3] + "..."


def show_outcome(console: Console, summary: dict[str, Any], config_path: str) -> None:
    """After a whole run: leaderboard, verdict, where things are, what to do next."""
    stages = summary["stages"]
    show_leaderboard(console, stages["backtest"]["leaderboard"], stages["promote"]["model"])
    console.print(stages["promote"]["sentence"], style="bold", markup=False, soft_wrap=True)
    predicted = stages["predict"]
    lines = [
        f"forecasts  {predicted['table']} ({predicted['n_rows']:,} rows, {predicted['n_fallback']} series by the fallback)",
        f"report     {stages['report']['path']}",
        f"run        {summary['run_id']} in {summary['seconds']:.0f} s"
        + (f"; reused: {', '.join(summary['reused'])}" if summary["reused"] else ""),
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
