"""The gate's verdict as a page of Markdown: the sentence, the rules with their evidence, the leaderboard.

It is the description of the run in MLflow, and a file beside it.
"""

from collections.abc import Sequence

import polars as pl

from forecasting.evaluation.gate import Verdict
from forecasting.evaluation.metrics import METRICS
from forecasting.evaluation.rules import Rule

_MARKS = {True: "passed", False: "**failed**", None: "-"}


def verdict_page(verdict: Verdict, board: pl.DataFrame) -> str:
    """Markdown of a verdict and the leaderboard it was found on."""
    parts = [rules_page(verdict)]
    parts += ["### Leaderboard", board_table(board, verdict.champion)]
    parts.append(
        "Skill is 1 - error / error of the best baseline; its bounds are one-sided, wins are against the best baseline. "
        "= : cannot be told apart from the first one."
    )
    return "\n\n".join(parts)


def rules_page(verdict: Verdict) -> str:
    """The sentence, and the rules with their evidence."""
    parts = [f"**{verdict.sentence}**"]
    if verdict.rules:
        parts += [f"### What {verdict.candidate} had to show", _rules(verdict.rules)]
    return "\n\n".join(parts)


def board_table(board: pl.DataFrame, champion: str | None = None) -> str:
    """The leaderboard as a Markdown table; the champion in bold."""
    metrics = [name for name in METRICS if name in board.columns]
    head = [
        "#",
        "",
        "model",
        *(METRICS[m].label.name for m in metrics),
        "skill",
        "from .. to",
        "wins",
        "mean rank",
        "parameters",
        "seconds",
    ]
    rows = []
    for row in board.to_dicts():
        name = f"**{row['model']}**" if row["model"] == champion else row["model"]
        bounds = "" if row["low"] is None or row["high"] is None else f"{row['low']:+.1%} .. {row['high']:+.1%}"
        cost = (row["fit_seconds"] or 0.0) + (row["predict_seconds"] or 0.0)
        rows.append(
            [
                str(row["rank"]),
                "=" if row["tied"] else "",
                name,
                *(_number(row[m]) for m in metrics),
                "" if row["skill_best_baseline"] is None else f"{row['skill_best_baseline']:+.1%}",
                bounds,
                "" if row["win_rate"] is None else f"{row['win_rate']:.0%}",
                _number(row["mean_rank"]),
                f"{row['n_parameters']:,}" if row["n_parameters"] else "",
                f"{cost:.1f}",
            ]
        )
    return _table(head, rows, ["r", "l", "l", *"r" * (len(head) - 3)])


def promotion_tags(verdict: Verdict) -> dict[str, str]:
    """What the gate said, rule by rule: on the run and on the model version."""
    said = {True: "passed", False: "failed", None: "does not apply"}
    rules = {
        f"gate.{r.name}": f"{said[r.passed]}: {'' if r.value is None else f'{r.value:.4g}'}"
        f"{'' if r.bar is None or r.value is None else f' (needed {r.bar:.4g})'} {r.detail}"
        for r in verdict.rules
    }
    return rules | {"forecasting.decision": verdict.decision, "forecasting.reason": verdict.sentence}


def _rules(rules: Sequence[Rule]) -> str:
    rows = [
        [
            r.name.replace("_", " "),
            _MARKS[r.passed],
            _number(r.value),
            "" if r.value is None else _number(r.bar),
            r.detail,
        ]
        for r in rules
    ]
    return _table(["rule", "", "found", "needed", "what it is"], rows, ["l", "l", "r", "r", "l"])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], align: Sequence[str]) -> str:
    lines = [head, [{"l": ":--", "r": "--:"}[a] for a in align], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
