import math

import pytest

from forecasting.tracking.values import batches, clean_key, history_metrics, metrics_of, params_of


@pytest.mark.parametrize(
    ("key", "cleaned"),
    [("q97.5 %", "q97.5 _"), ("a//b/../c", "a/b/c"), ("größe", "gr__e"), ("", "_"), ("x" * 300, "x" * 250)],
)
def test_keys_keep_only_what_mlflow_allows(key: str, cleaned: str) -> None:
    assert clean_key(key) == cleaned


def test_nested_params_become_dotted_and_values_read_as_json() -> None:
    given = {"seed": 7, "cell": "gru", "loss": None, "training": {"clip": True, "sizes": [1, 2]}, "space": {}}
    assert params_of(given) == {
        "seed": "7",
        "cell": "gru",
        "loss": "null",
        "training.clip": "true",
        "training.sizes": "[1, 2]",
        "space": "{}",
    }


def test_only_finite_metrics_are_logged() -> None:
    metrics = metrics_of({"a": 1.5, "b": math.nan, "c": math.inf, "d": None}, timestamp=9)
    assert [(m.key, m.value, m.timestamp, m.step) for m in metrics] == [("a", 1.5, 9, 0)]


def test_the_same_history_gives_the_same_metrics() -> None:
    rows = [{"step": 10.0, "loss": 1.0}, {"step": 20.0, "loss": math.nan, "norm": 2.0}]
    metrics = history_metrics(rows, "step", start=1000)
    assert [(m.key, m.value, m.timestamp, m.step) for m in metrics] == [
        ("loss", 1.0, 1000, 10),
        ("norm", 2.0, 1001, 20),
    ]


def test_a_history_without_steps_is_refused() -> None:
    with pytest.raises(KeyError, match="step"):
        history_metrics([{"loss": 1.0}], "step", start=0)


def test_batches_hold_everything_once_within_mlflows_limits() -> None:
    metrics = metrics_of({f"m{i}": float(i) for i in range(2500)}, timestamp=0)
    portions = list(batches(metrics, {f"p{i}": "" for i in range(120)}, {"t": ""}))
    assert [m.key for part in portions for m in part[0]] == [f"m{i}" for i in range(2500)]
    assert [len(part[1]) for part in portions] == [100, 20, 0, 0]
    assert all(len(part[0]) + len(part[1]) + len(part[2]) <= 1000 for part in portions)


def test_metrics_alone_take_full_batches_and_nothing_takes_none() -> None:
    metrics = metrics_of({f"m{i}": 0.0 for i in range(2000)}, timestamp=0)
    assert [len(part[0]) for part in batches(metrics, {}, {})] == [1000, 1000]
    assert list(batches([], {}, {})) == []
