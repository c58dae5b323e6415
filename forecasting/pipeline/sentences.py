"""What came out of each stage, in one sentence for the person who watches."""

from typing import Any


def sentence(name: str, s: dict[str, Any]) -> str:
    """What came out of a stage, for the person who watches."""
    if name == "ingest":
        since = f" · {s['changes']['sentence']}" if s["changes"] else ""
        return (
            f"{s['n_series']} series, {s['n_rows']} rows, {s['n_quarantined']} quarantined · version {s['version']} · "
            f"{s['digest'][:12]}{since}"
        )
    if name == "window":
        named = f" ({', '.join(s['short'][:3])}{', ...' if s['n_short'] > 3 else ''})" if s["n_short"] else ""
        return f"{s['n_windows']:,} training windows, {s['n_cutoffs']} cutoffs, {s['n_short']} series too short for a network{named}"
    if name == "tune":
        return f"{s['n_trials']} trials in {s['n_studies']} studies" if s["n_studies"] else "no forecaster is tuned"
    if name == "train":
        return f"candidate {s['candidate']}, chosen on inner cutoffs" if s["candidate"] else "no network to compare"
    if name == "backtest":
        return f"{s['models']} models on {s['cutoffs']} cutoffs, {s['rows']:,} forecasts; nothing looked ahead"
    if name == "promote":
        return f"champion {s['model']}, version {s['version']}"
    if name == "predict":
        return f"{s['n_rows']:,} rows for {s['n_series']} series, {s['n_fallback']} by the fallback"
    return str(s.get("path", ""))
