"""From our values to what MLflow takes: allowed keys, params as text, finite metrics, batches within its limits."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from mlflow.entities import Metric, Param, RunTag

_MAX_KEY = 250
_MAX_METRICS = 1000
_MAX_PARAMS = 100
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_\-./: ]")

T = TypeVar("T")


def clean_key(key: str) -> str:
    """`key` with every character that MLflow refuses replaced by `_`: letters, digits, `_ - . / :` and space remain."""
    parts = [part for part in _FORBIDDEN.sub("_", key).split("/") if part not in ("", ".", "..")]
    return "/".join(parts)[:_MAX_KEY] or "_"


def params_of(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Values as MLflow params: nested mappings become dotted keys, strings stay, all else is JSON (null, true)."""
    params: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            params |= params_of(value, f"{name}.")
        else:
            params[clean_key(name)] = value if isinstance(value, str) else json.dumps(value, default=str)
    return params


def metrics_of(values: Mapping[str, float | None], timestamp: int, step: int = 0) -> list[Metric]:
    """The finite ones of `values` as metrics at `timestamp` (ms since 1970) and `step`."""
    return [
        Metric(clean_key(key), float(value), timestamp, step)
        for key, value in values.items()
        if value is not None and math.isfinite(value)
    ]


def history_metrics(rows: Sequence[Mapping[str, float]], step_key: str, start: int) -> list[Metric]:
    """One metric per row and key but `step_key`; row i is dated `start` + i ms, so the same rows give the same metrics.

    Raises KeyError where a row has no `step_key`.
    """
    metrics: list[Metric] = []
    for i, row in enumerate(rows):
        values = {key: value for key, value in row.items() if key != step_key}
        metrics += metrics_of(values, start + i, int(row[step_key]))
    return metrics


def batches(
    metrics: Sequence[Metric], params: Mapping[str, str], tags: Mapping[str, str]
) -> Iterator[tuple[list[Metric], list[Param], list[RunTag]]]:
    """Portions that one `log_batch` takes: 1000 metrics, or 100 params and 100 tags (of 1000 in all)."""
    param_list = [Param(key, value) for key, value in params.items()]
    tag_list = [RunTag(key, value) for key, value in tags.items()]
    n_metrics = _MAX_METRICS - 2 * _MAX_PARAMS if param_list or tag_list else _MAX_METRICS
    some_metrics = _portions(metrics, n_metrics)
    some_params, some_tags = _portions(param_list, _MAX_PARAMS), _portions(tag_list, _MAX_PARAMS)
    for i in range(max(len(some_metrics), len(some_params), len(some_tags))):
        yield _at(some_metrics, i), _at(some_params, i), _at(some_tags, i)


def _portions(values: Sequence[T], size: int) -> list[list[T]]:
    return [list(values[i : i + size]) for i in range(0, len(values), size)]


def _at(portions: list[list[T]], index: int) -> list[T]:
    return portions[index] if index < len(portions) else []
