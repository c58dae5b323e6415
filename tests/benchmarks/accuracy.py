"""Accuracy on the public sets: the pipeline's own backtest by the official protocol, beside what the literature reached.

    python -m tests.benchmarks.accuracy SET|all --data DIR [--seed N ...] [--workers 2] [--set key=value ...] [--workspace DIR]

DIR holds SET.parquet (what may be learnt from) and SET_test.parquet (scored, and seen by nothing before); nothing is
fetched. configs/benchmarks/SET.yaml is run as it is, with the source, the official origins and `--set` put in. For the
networks their blend stands (*), else the one that is better on inner cutoffs; of baselines all are shown. With several seeds a score is the median over
them. epf_np runs a second time without its covariates. The last line is JSON.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from forecasting.config import load_config
from forecasting.environment import quiet
from forecasting.forecasters.blend import NETWORKS
from forecasting.reporting.console import Terminal
from forecasting.reporting.reporter import reporting
from forecasting.schema import BacktestSummary, RunSummary, TrainSummary
from forecasting.stages.run import run
from tests.benchmarks.public_sets import SETS, STANDARDISED_BY, PublicSet, Scores, scores_of

CONFIGS = Path(__file__).parents[2] / "configs" / "benchmarks"
KINDS = {"recurrent": "network", "blend": "blend", "baseline": "baseline"}
PLAIN = "without covariates"


@dataclass(frozen=True)
class Row:
    """What one model came to; `chosen`: the best of its kind on inner cutoffs."""

    model: str
    kind: str
    chosen: bool
    scores: Scores
    fit_seconds: float
    predict_seconds: float


@dataclass(frozen=True)
class Outcome:
    """One set with one seed: a row per model, the candidate of the inner cutoffs, seconds of the whole command."""

    rows: list[Row]
    candidate: str | None
    seconds: float
    seconds_of: dict[str, float]  # by stage


def run_set(name: str, data: Path, workspace: Path, seed: int, workers: int, given: Sequence[str] = ()) -> Outcome:
    """The backtest of one set, scored; everything that it writes lies below `workspace`."""
    public, workspace = SETS[name], workspace / name
    workspace.mkdir(parents=True, exist_ok=True)
    train, test = (_read(data / f"{name}{part}.parquet") for part in ("", "_test"))
    put = {
        "data.source.path": str(data / f"{name}*.parquet"),
        "data.source.differing_columns": "drop",
        "workspace": str(workspace),
        "seed": seed,
        "workers": workers,
        **_origins(public, pl.read_parquet(data / f"{name}.parquet", columns=["unique_id", "ds"]), workspace),
    }
    overrides = [f"{key}={json.dumps(value)}" for key, value in put.items()]
    config = load_config(CONFIGS / f"{name}.yaml", [*overrides, *given])
    output = workspace / "forecasts.parquet"
    started = time.perf_counter()
    summary = run(config, "backtest", {"output": output})
    seconds = time.perf_counter() - started
    return Outcome(
        _rows(public, summary, train, test, output),
        summary.of(TrainSummary).candidate,
        seconds,
        {stage: told.seconds for stage, told in summary.stages.items()},
    )


def _origins(public: PublicSet, train: pl.DataFrame, workspace: Path) -> dict[str, Any]:
    """The official origins: where each series' training part ends, or from there on every `stride`-th period."""
    if public.stride is not None:
        stamps = train["ds"].unique().sort()
        put = {"evaluation.train_until": str(stamps[-1]), "evaluation.step_size": public.stride}
        early = {"evaluation.standardise_until": str(stamps.head(STANDARDISED_BY)[-1])}
        return put | (early if public.standardised else {})
    path = workspace / "cutoffs.parquet"
    train.group_by("unique_id").agg(cutoff=pl.col("ds").max()).sort("unique_id").write_parquet(path)
    return {"evaluation.cutoffs": str(path)}


def _rows(public: PublicSet, summary: RunSummary, train: pl.DataFrame, test: pl.DataFrame, output: Path) -> list[Row]:
    """Every model of the leaderboard with the scores of the literature: networks, then blends, then baselines."""
    inner, made = summary.of(TrainSummary).inner_scores, []
    board = summary.of(BacktestSummary).leaderboard
    kinds = {told["model"]: "network" if told["model"] == NETWORKS else KINDS[told["kind"]] for told in board}
    for told in board:
        name, kind = told["model"], kinds[told["model"]]
        rivals = [model for model, of in kinds.items() if of == kind and model in inner]
        stands = NETWORKS if NETWORKS in rivals else min(rivals, key=lambda m: (inner[m], m), default=None)
        forecasts = pl.scan_parquet(output).filter(pl.col("model") == name)
        columns = ["unique_id", "cutoff", "ds", "y_hat"]
        scores = scores_of(public, train, test, _plain(forecasts.select(columns).collect()))
        made.append(Row(name, kind, name == stands, scores, told["fit_seconds"], told["predict_seconds"]))
    order = list(KINDS.values())
    return sorted(made, key=lambda row: (order.index(row.kind), not row.chosen, row.scores[public.metrics[0]]))


def _read(path: Path) -> pl.DataFrame:
    return _plain(pl.read_parquet(path, columns=["unique_id", "ds", "y"]))


def _plain(rows: pl.DataFrame) -> pl.DataFrame:
    """Time stamps of one type, whatever the width or the zone they are kept in."""

    def plain(name: str) -> pl.Expr:
        if rows.schema[name].is_integer():
            return pl.col(name).cast(pl.Int64)
        return pl.col(name).cast(pl.Datetime("us")) if rows.schema[name] == pl.Date else _without_zone(pl.col(name))

    return rows.with_columns(plain(name) for name in ("ds", "cutoff") if name in rows.columns)


def _without_zone(stamp: pl.Expr) -> pl.Expr:
    return stamp.dt.replace_time_zone(None).cast(pl.Datetime("us"))


def median_of(outcomes: Sequence[Outcome]) -> Outcome:
    """The models of all seeds: medians of scores, chosen where more than half of the seeds chose it."""
    by_model: dict[str, list[Row]] = {}
    for row in (row for outcome in outcomes for row in outcome.rows):
        by_model.setdefault(row.model, []).append(row)
    rows = [
        Row(
            model,
            same[0].kind,
            2 * sum(row.chosen for row in same) > len(same),
            {metric: statistics.median(row.scores[metric] for row in same) for metric in same[0].scores},
            max(row.fit_seconds for row in same),
            max(row.predict_seconds for row in same),
        )
        for model, same in by_model.items()
    ]
    candidates = [outcome.candidate for outcome in outcomes]
    longest = max(outcomes, key=lambda outcome: outcome.seconds)
    return Outcome(rows, statistics.mode(candidates), longest.seconds, longest.seconds_of)


def table(name: str, outcome: Outcome, seeds: Sequence[int], plain: Outcome | None) -> str:
    """Ours, then what to stand beside; the candidate is marked."""
    public = SETS[name]
    head = f"{name}, {datetime.now(tz=UTC):%Y-%m-%d}, seed {', '.join(map(str, seeds))}"
    lines = [
        head,
        f"{'':3}{'':32}{'':10}" + "".join(f"{m:>9}" for m in public.metrics) + f"{'fit s':>9}{'predict s':>11}",
    ]
    for row in outcome.rows:
        mark = ("=" if row.model == outcome.candidate else " ") + ("*" if row.chosen else " ")
        lines.append(f"{mark:3}{row.model:32}{row.kind:10}{_told(row)}")
    without = [row for row in plain.rows if row.kind != "baseline"] if plain else []
    lines += [f"{'':3}{f'{row.model}, {PLAIN}':42}{_told(row)}" for row in without]
    beside = {"floor": public.floor, "first bar": public.first_bar, "goal": public.goal, **public.published}
    lines += [f"{'':3}{label:42}{_numbers(scores)}" for label, scores in beside.items()]
    stages = ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in outcome.seconds_of.items())
    lines.append(f"{outcome.seconds:.0f} s in all: {stages}")
    return "\n".join(
        [*lines, "* stands for its kind, all networks blended; = the candidate, best of all on inner cutoffs"]
    )


def _told(row: Row) -> str:
    return f"{_numbers(row.scores.values())}{row.fit_seconds:9.1f}{row.predict_seconds:11.1f}"


def _numbers(scores: Any) -> str:
    return "".join(f"{score:9.3f}" for score in scores)


def markdown(found: dict[str, tuple[Outcome, Outcome | None]], seeds: Sequence[int]) -> str:
    """One line per set for docs/benchmarks.md; of networks and blends the chosen ones, of baselines the best."""
    lines = [
        f"{datetime.now(tz=UTC):%Y-%m-%d}, seed {', '.join(map(str, seeds))}. `=`: the candidate, chosen on inner cutoffs.",
        "",
        "| set | metric | network | blend | best baseline | floor | first bar | goal | best published | fit s | all s |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, (outcome, plain) in found.items():
        for label, one in ((name, outcome), (f"{name} {PLAIN}", plain)):
            if one is not None:
                lines.append(_line(label, SETS[name], one))
    return "\n".join(lines)


def _line(label: str, public: PublicSet, outcome: Outcome) -> str:
    cells = []
    for kind in KINDS.values():
        mine = [row for row in outcome.rows if row.kind == kind and (row.chosen or kind == "baseline")]
        best = min(mine, key=lambda row: row.scores[public.metrics[0]], default=None)
        mark = "=" if best is not None and best.model == outcome.candidate else ""
        told = "-" if best is None else mark + _cell(best.scores.values())
        cells.append(f"{told} ({best.model})" if best is not None and kind == "baseline" else told)
    leader = min(public.published, key=lambda who: public.published[who][0])
    beside = [_cell(of) for of in (public.floor, public.first_bar, public.goal)]
    fit = sum(row.fit_seconds for row in outcome.rows if row.kind == "network")
    beside += [f"{_cell(public.published[leader])} ({leader})", f"{fit:.0f}", f"{outcome.seconds:.0f}"]
    return "| " + " | ".join([label, " / ".join(public.metrics), *cells, *beside]) + " |"


def _cell(scores: Any) -> str:
    return " / ".join(f"{score:.3f}" for score in scores)


def _json(outcome: Outcome, plain: Outcome | None) -> dict[str, Any]:
    told = {
        "models": {row.model: {"kind": row.kind, "chosen": row.chosen, **row.scores} for row in outcome.rows},
        "candidate": outcome.candidate,
        "fit_seconds": round(sum(row.fit_seconds for row in outcome.rows if row.kind == "network"), 1),
        "seconds": round(outcome.seconds, 1),
    }
    return told | ({PLAIN.replace(" ", "_"): _json(plain, None)["models"]} if plain else {})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, print, end with JSON."""
    quiet()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", metavar="SET", choices=[*SETS, "all"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, nargs="+", default=[7])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--workspace", type=Path)
    given = parser.parse_args(arguments)
    found: dict[str, tuple[Outcome, Outcome | None]] = {}
    with tempfile.TemporaryDirectory() as scratch, reporting(Terminal(as_json=True)):
        for name in SETS if given.name == "all" else [given.name]:

            def run(place: str, *more: str, name: str = name) -> Outcome:
                workspace = (given.workspace or Path(scratch)) / place
                seeds = (
                    run_set(name, given.data, workspace, s, given.workers, [*given.set, *more]) for s in given.seed
                )
                return median_of(list(seeds))

            plain = run("plain", "data.covariates={}") if name == "epf_np" else None
            found[name] = run("whole"), plain
            print(table(name, found[name][0], given.seed, plain), flush=True)
    if given.name == "all":
        print(markdown(found, given.seed))
    print(json.dumps({"scores": {name: _json(*both) for name, both in found.items()}, "seeds": given.seed}))


if __name__ == "__main__":
    main()
