"""The leaderboard as an HTML table for report and dashboards: all escaped, numbers right-aligned, the best in bold."""

import html
import math
from collections.abc import Mapping

import polars as pl

from forecasting.figures.labels import number, percent
from forecasting.schema import MetricLabel

HEADINGS = {
    "rank": "#",
    "model": "model",
    "kind": "kind",
    "between": "skill between",
    "win_rate": "wins",
    "mean_rank": "mean rank",
    "tied": "like the first",
    "n_scores": "scores",
    "n_fallback": "fell back",
    "n_parameters": "weights",
    "fit_seconds": "fit (s)",
    "predict_seconds": "predict (s)",
}
Labels = Mapping[str, MetricLabel]  # of the metrics of a leaderboard, in the order in which they are shown

TEXTS = ("model", "kind")
SKILL = "skill_"  # followed by what the model is compared with

TABLE_CSS = """
.board{container-type:inline-size;overflow-x:auto;border:1px solid #e3e8ed;border-radius:10px;background:#fff}
.board table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums;margin:0}
.board th,.board td{padding:7px 10px;border:0;border-bottom:1px solid #eef1f4;text-align:right;white-space:nowrap}
.board th{font-weight:600;font-size:12px;color:#5f6b7a;vertical-align:bottom;white-space:normal;line-height:1.25}
.board th.text,.board td.text{text-align:left}
.board td.model{max-width:22em;overflow:hidden;text-overflow:ellipsis}
.board tr:last-child td{border-bottom:0}
.board tr.champion td{background:#eef6fc}
.board b{font-weight:700}
.board .chip{display:inline-block;padding:1px 8px;border-radius:9px;font-size:11.5px;background:#eceff2;color:#46525f}
.board .chip.network{background:#dcedf8;color:#004f7d}
.board .chip.best{background:#0072B2;color:#fff;margin-left:6px}
@container (max-width:1150px){
.board table{font-size:12px}
.board th{font-size:11px}
.board th,.board td{padding:5px 4px}
.board td.model{max-width:14em}
.board .chip{font-size:10.5px;padding:1px 6px}
.board .chip.best{display:block;width:fit-content;margin:2px 0 0}
}
@container (max-width:800px){
.board table{font-size:11.5px}
.board th,.board td{padding:5px 4px}
}
"""


def in_order(leaderboard: pl.DataFrame, labels: Labels) -> pl.DataFrame:
    """The columns as people read them, whatever order they were stored in: who, metrics, skills, counts and seconds.

    The bounds of the skill become one column.
    """
    if {"low", "high"} <= set(leaderboard.columns):
        bounds = zip(leaderboard["low"], leaderboard["high"], strict=True)
        leaderboard = leaderboard.with_columns(between=pl.Series([_bounds(*b) for b in bounds], dtype=pl.String))
        leaderboard = leaderboard.drop("low", "high")
    skills = sorted((c for c in leaderboard.columns if c.startswith(SKILL)), reverse=True)
    first, last = [c for c in HEADINGS if c in (*TEXTS, "rank")], [c for c in HEADINGS if c not in (*TEXTS, "rank")]
    columns = [*first, *labels, *skills, *last]
    return leaderboard.select(c for c in columns if c in leaderboard.columns)


def leaderboard_table(
    leaderboard: pl.DataFrame, labels: Labels, champion: str | None = None, nominal: float | None = None
) -> str:
    """HTML of the rows in their order, columns as in `in_order`; `labels` are those of its metrics, in the order in which
    they are shown, and coverage aims at `nominal`. What is neither a metric nor known here is not shown.

    Wrap it in a page that holds `TABLE_CSS`.
    """
    leaderboard = in_order(leaderboard, labels)
    best = {column: _best(leaderboard, column, labels.get(column), nominal) for column in leaderboard.columns}
    head = "".join(_header(column, labels.get(column)) for column in leaderboard.columns)
    rows = []
    for row in leaderboard.iter_rows(named=True):
        cells = "".join(_cell(c, v, best[c], row["model"] == champion) for c, v in row.items())
        rows.append(f'<tr class="champion">{cells}</tr>' if row["model"] == champion else f"<tr>{cells}</tr>")
    body = "".join(rows)
    return f'<div class="board" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _header(column: str, label: MetricLabel | None) -> str:
    shown = hint = HEADINGS.get(column, "")
    if column.startswith(SKILL):
        shown = hint = f"skill vs {column.removeprefix(SKILL).replace('_', ' ')}"
    elif label is not None:
        shown, hint = label.name, f"{label.axis}, {label.hint}"
    kind = ' class="text"' if column in TEXTS else ""
    return f'<th scope="col"{kind} title="{html.escape(hint)}">{html.escape(shown)}</th>'


def _best(leaderboard: pl.DataFrame, column: str, label: MetricLabel | None, nominal: float | None) -> float | None:
    """The value to print in bold, or none where a column knows no better and worse."""
    if leaderboard.height < 2 or (label is None and not column.startswith(SKILL)):
        return None
    values = [float(v) for v in leaderboard[column].to_list() if v is not None and math.isfinite(v)]
    if len(set(values)) < 2:
        return None
    if label is None:
        return max(values)
    if label.better == "low":
        return min(values)
    goal = {"zero": 0.0, "nominal": nominal}.get(label.better)
    return None if goal is None else min(values, key=lambda v: abs(v - goal))


def _cell(column: str, value: object, best: float | None, champion: bool) -> str:
    if column == "kind":
        shown = {"baseline": "baseline", "blend": "blend"}.get(str(value), "network")
        return f'<td class="text"><span class="chip {shown}" title="{html.escape(str(value))}">{shown}</span></td>'
    if column == "model":
        name = html.escape(str(value))
        mark = '<span class="chip best">champion</span>' if champion else ""
        return f'<td class="text model" title="{name}">{name}{mark}</td>'
    if isinstance(value, str):
        return f"<td>{html.escape(value)}</td>"
    shown = _shown(column, value)
    return f"<td><b>{shown}</b></td>" if best is not None and value == best else f"<td>{shown}</td>"


def _bounds(low: float | None, high: float | None) -> str | None:
    """The interval of a skill; None where there is none."""
    return None if low is None or high is None else f"{low:+.0%} {high:+.0%}"


def _shown(column: str, value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column.startswith(SKILL):
        return percent(float(value))  # type: ignore[arg-type]
    if column == "win_rate":
        return f"{float(value):.0%}"  # type: ignore[arg-type]
    return f"{value:,}" if isinstance(value, int) else number(float(value))  # type: ignore[arg-type]
