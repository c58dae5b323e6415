from pathlib import Path

import pytest

from forecasting.config import load_config, parse_config
from forecasting.errors import InputError
from tests.conftest import tiny_config

FIVE_LINES = {
    "name": "five",
    "data": {"source": {"kind": "builtin", "name": "fertility"}, "freq": 1, "season_length": 1},
    "task": {"horizon": 3},
}


@pytest.mark.parametrize("path", sorted(Path("configs").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_config_is_valid(path):
    assert load_config(path).name == path.stem


def test_five_lines_are_enough():
    config = parse_config(FIVE_LINES)
    assert config.task.quantile_levels == [0.1, 0.5, 0.9]
    assert config.forecasters
    assert [b.name for b in config.baselines] == ["naive", "seasonal_naive", "ets", "theta", "arima"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"horizn": 3}, r"unknown keys are refused, got horizn"),
        (
            {"task": {"horizn": 3}},
            r"got task\.horizn: did you mean task\.horizon\? task has the keys horizon, quantile_levels",
        ),
        ({"horizon": 3}, r"got horizon: did you mean task\.horizon\? a config has the keys name, workspace"),
        ({"qqq": 3}, r"got qqq: remove it; a config has the keys name"),
        ({"task": {"horizon": 0}}, r"horizon must be at least 1, got 0: set task.horizon"),
        ({"task": {"horizon": -4}}, r"horizon must be at least 1, got -4"),
        ({"task": {"horizon": 3, "quantile_levels": [0.1, 0.5, 1.2]}}, r"quantile levels must lie inside \(0, 1\)"),
        ({"task": {"horizon": 3, "quantile_levels": [0.1, 0.9]}}, r"hold 0.5"),
        ({"baselines": ["naive", "prophet"]}, r"must be one of .*theta.*, got 'prophet'"),
        (
            {"forecasters": [{"name": "x", "cell": "transformer", "topology": "many_to_one"}]},
            r"one of gru, lstm, rnn.*got 'transformer'",
        ),
        ({"forecasters": [{"name": "x", "cell": "gru", "topology": "sideways"}]}, r"got 'sideways'"),
        (
            {"forecasters": [{"name": "x", "cell": "gru", "topology": "many_to_one", "depth": 3}]},
            r"unknown keys are refused.*depth",
        ),
        ({"forecasters": [{"name": "naive", "cell": "gru", "topology": "many_to_one"}]}, r"names .* must be unique"),
        ({"tuning": {"forecasters": ["nobody"]}}, r"tuning.forecasters.*got 'nobody'"),
        ({"evaluation": {"primary_metric": "accuracy"}}, r"the primary metric must be one of .*mase.*got 'accuracy'"),
        (
            {"data": {"source": {"kind": "builtin", "name": "fertility"}, "freq": "1 parsec", "season_length": 1}},
            r"freq must be",
        ),
        (
            {"data": {"source": {"kind": "carrier_pigeon"}, "freq": 1, "season_length": 1}},
            r"data\.source\.kind must be one of builtin, csv.*, got 'carrier_pigeon'",
        ),
        ({"data": {"source": {"path": "x"}, "freq": 1, "season_length": 1}}, r"data\.source\.kind is required"),
        (
            {"data": {"source": {"kind": "csv", "path": "x", "layot": "wide"}, "freq": 1, "season_length": 1}},
            r"got data\.source\.layot: did you mean data\.source\.layout\? data\.source has the keys path, kind,",
        ),
        ({"name": "../escape"}, r"name"),
    ],
)
def test_a_mistake_is_refused_with_rule_value_and_way_out(change, message):
    with pytest.raises(InputError, match=message):
        parse_config(FIVE_LINES | change)


def test_a_missing_key_is_named():
    with pytest.raises(InputError, match=r"task is required"):
        parse_config({k: v for k, v in FIVE_LINES.items() if k != "task"})


def test_a_value_can_be_overridden_by_its_path(tmp_path):
    path = tmp_path / "five.yaml"
    path.write_text(
        "name: five\ndata: {source: {kind: builtin, name: fertility}, freq: 1, season_length: 1}\ntask: {horizon: 3}\n"
    )
    config = load_config(path, ["task.horizon=9", "data.quality.max_gap=null", "baselines=[naive]"])
    assert (config.task.horizon, config.data.quality.max_gap, len(config.baselines)) == (9, None, 1)
    with pytest.raises(InputError, match=r"key\.path=value"):
        load_config(path, ["task.horizon"])


def test_a_file_that_is_no_config_is_refused(tmp_path):
    with pytest.raises(InputError, match="a file that exists"):
        load_config(tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(InputError, match="must be a mapping"):
        load_config(tmp_path / "list.yaml")


@pytest.mark.parametrize(
    "source",
    [
        {"kind": "sql", "url": "postgresql://me:hunter2@db/x", "table": "t"},
        {"kind": "sqll", "url": "postgresql://me:hunter2@db/x", "table": "t"},
        {"url": "postgresql://db/x?password=hunter2", "aws_secret_access_key": "hunter2"},
        ["postgresql://me:hunt/hunter2@db/x"],
    ],
)
def test_a_secret_in_a_bad_config_is_not_repeated(source):
    with pytest.raises(InputError) as caught:
        parse_config(FIVE_LINES | {"data": {"source": source, "freq": 1, "season_length": 1}})
    assert "hunter2" not in str(caught.value)


def test_a_config_can_be_stored_and_read_again():
    config = parse_config(tiny_config(Path("w")))
    assert parse_config(config.model_dump(mode="json")) == config
