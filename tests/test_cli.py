"""The command line as a user meets it: exit codes, messages, a real process."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from forecasting.errors import EXIT_CODES, ForecastingError
from tests.conftest import tiny_config


@pytest.fixture
def called(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """The entry point in this process (a fresh one imports for seconds): exit code, standard output, standard error."""
    from forecasting.cli import main

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["forecast", *map(str, arguments)])
        before = signal.getsignal(signal.SIGTERM)
        with pytest.raises(SystemExit) as end:
            main()
        signal.signal(signal.SIGTERM, before)
        return int(end.value.code or 0), *capsys.readouterr()

    return call


def forecast(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "forecasting.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(tiny_config(tmp_path / "workspace")))
    return path


def test_help_names_every_command(called):
    code, shown, _ = called("--help")
    assert code == 0
    for command in (
        "run",
        "ingest",
        "window",
        "tune",
        "train",
        "backtest",
        "promote",
        "predict",
        "monitor",
        "report",
        "serve",
        "ui",
        "dashboard",
    ):
        assert command in shown


def test_help_says_what_each_exit_code_means_and_every_named_error_has_one(called):
    _, shown, _ = called("--help")
    told = " ".join(shown.split())
    assert all(f"{code} {meaning}" in told for code, meaning in EXIT_CODES.items())
    assert {error.exit_code for error in ForecastingError.__subclasses__() if "exit_code" in vars(error)} <= set(
        EXIT_CODES
    )


def test_the_catalogue_lists_cells_topologies_and_baselines(called):
    _, shown, _ = called("forecasters")
    assert all(name in shown for name in ("gru", "lstm", "rnn", "many_to_many", "encoder_decoder", "theta", "mase"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task.horizon=0", "horizon must be at least 1, got 0: set task.horizon"),
        ("evaluation.n_window=3", "unknown keys are refused, got evaluation.n_window"),
        ("device=cuda:7", "device"),
        ("data.source={kind: csv, path: nowhere.csv}", "nowhere.csv"),
        ("data.covariates.static=[colour]", "colour"),
        ("task.horizon=5000", "horizon must be shorter than the longest history, got 5000"),
    ],
)
def test_bad_input_exits_2_with_one_message_and_writes_nothing(called, config, override, message):
    code, _, err = called("run", "--plain", config, "--set", override)
    assert code == 2, err
    assert message in err
    assert "Traceback" not in err
    assert not (config.parent / "workspace").exists()


def test_all_series_quarantined_exits_4_and_writes_nothing(called, config, tmp_path):
    (tmp_path / "empty.csv").write_text("unique_id,ds,y\na,1,\na,2,\nb,1,\nb,2,\n")
    data = f"data={{source: {{kind: csv, path: '{tmp_path / 'empty.csv'}'}}, freq: 1, season_length: 1}}"
    code, _, err = called("run", "--plain", config, "--set", data, "--set", "task.horizon=1")
    assert code == 4, err
    assert "got 2 of 2" in err
    assert not (config.parent / "workspace").exists()


def test_ingest_dry_run_prints_the_account_and_writes_nothing(called, config):
    code, out, err = called("ingest", "--dry-run", "--json", config)
    assert code == 0, err
    assert json.loads(out)["stages"]["ingest"]["n_series"] == 8
    assert not (config.parent / "workspace").exists()


def test_predict_before_a_champion_exits_2(called, config):
    code, _, err = called("predict", config)
    assert code == 2
    assert "a champion must be promoted before it can forecast" in err


@pytest.mark.timeout(300)
def test_a_run_as_a_prefect_flow_ends_with_one_json_line(config):
    result = forecast("run", "--json", config)
    assert result.returncode == 0, result.stderr[-3000:]
    summary = json.loads(result.stdout)
    assert list(summary["stages"]) == ["ingest", "window", "tune", "train", "backtest", "promote", "predict", "report"]
    report = Path(summary["stages"]["report"]["path"]).read_text(encoding="utf-8")
    assert summary["stages"]["promote"]["model"] in report
    assert "Leaderboard" in result.stderr
