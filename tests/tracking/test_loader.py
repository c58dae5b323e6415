import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from forecasting.errors import InputError
from forecasting.tracking.loader import ServedForecaster, _load_pyfunc
from forecasting.tracking.package import pack
from forecasting.tracking.registry import promote, register
from forecasting.tracking.runs import Tracker
from tests.tracking.states import SERVING, history, save_state


@pytest.fixture
def package(state: Path, tmp_path: Path) -> Path:
    pack(state, tmp_path / "package")
    return tmp_path / "package"


def _served(folder: Path, serving: dict) -> ServedForecaster:
    pack(save_state(folder / "made", serving), folder / "packed")
    return _load_pyfunc(str(folder / "packed"))


def test_it_forecasts_after_the_last_row_of_each_series(package: Path) -> None:
    given = _load_pyfunc(str(package)).predict(history())
    a, b = given[given.unique_id == "a"], given[given.unique_id == "b"]
    assert list(given.columns[:5]) == ["unique_id", "cutoff", "ds", "step", "y_hat"]
    assert (a.cutoff.tolist(), a.ds.tolist(), a.y_hat.tolist()) == ([7, 7], [8, 9], [1.0, 3.0])
    assert (b.ds.tolist(), b.y_hat.tolist()) == ([6, 7], [4.0, 4.0])
    assert a.fallback.isna().all()
    assert b.fallback.str.contains("naive").all()


def test_the_order_of_rows_and_a_gap_do_not_matter(package: Path) -> None:
    shuffled = history().drop(index=2).sample(frac=1.0, random_state=1)
    given = _load_pyfunc(str(package)).predict(shuffled)
    assert given[given.unique_id == "a"].y_hat.tolist() == [1.0, 3.0]


def test_stamps_without_zone_are_utc(tmp_path: Path) -> None:
    stamps = pd.date_range("2020-01-01", periods=8, freq="h")
    frame = pd.DataFrame({"unique_id": "a", "ds": stamps, "y": [1.0, 3.0] * 4})
    given = _served(tmp_path, SERVING | {"freq": "1h", "align": "calendar"}).predict(frame)
    assert given.ds.tolist() == list(pd.date_range("2020-01-01 08:00", periods=2, freq="h", tz="UTC"))


def test_dates_stay_dates_where_serving_says_so(tmp_path: Path) -> None:
    stamps = pd.date_range("2020-01-01", periods=8, freq="MS")
    frame = pd.DataFrame({"unique_id": "a", "ds": stamps, "y": [1.0, 3.0] * 4})
    served = _served(tmp_path, SERVING | {"freq": "1mo", "align": "calendar", "ds": "date"})
    assert [str(ds)[:10] for ds in served.predict(frame).ds] == ["2020-09-01", "2020-10-01"]


def test_a_covariate_that_is_not_known_over_the_horizon_is_refused(tmp_path: Path) -> None:
    served = _served(tmp_path, SERVING | {"known_future": ["price"]})
    with pytest.raises(InputError, match="price"):
        served.predict(history().assign(price=1.0))
    with pytest.raises(InputError, match=r"misses \['price'\]"):
        served.predict(history())


def test_stamps_of_the_wrong_type_are_refused(package: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ds must be integer steps"):
        _load_pyfunc(str(package)).predict(history().assign(ds=0.5))
    with pytest.raises(InputError, match="ds must be time stamps"):
        _served(tmp_path, SERVING | {"freq": "1d"}).predict(history())


@pytest.mark.parametrize("file", ["state/further.json", "state/code.py", "state/x.pkl"])
def test_a_further_file_is_refused(package: Path, file: str) -> None:
    (package / file).write_text("{}")
    with pytest.raises(InputError, match=r"exactly the files|may hold only"):
        _load_pyfunc(str(package))


def test_a_link_is_refused(package: Path) -> None:
    (package / "state" / "more.json").symlink_to("/etc/hostname")
    with pytest.raises(InputError, match="may hold only"):
        _load_pyfunc(str(package))


def test_a_changed_or_missing_file_is_refused(package: Path) -> None:
    file = package / "state" / "forecaster.json"
    file.write_text(file.read_text().replace("naive", "nalve"))
    with pytest.raises(InputError, match="another sha256"):
        _load_pyfunc(str(package))
    file.unlink()
    with pytest.raises(InputError, match="exactly the files"):
        _load_pyfunc(str(package))
    (package / "digests.json").unlink()
    with pytest.raises(InputError, match=r"readable digests\.json"):
        _load_pyfunc(str(package))


def test_a_fresh_process_forecasts_the_same_from_the_registered_champion(
    tracker: Tracker, parent: str, package: Path, tmp_path: Path
) -> None:
    promote(tracker, "pipe", register(tracker, "pipe", parent, package / "state", {}))
    history().to_parquet(tmp_path / "history.parquet")
    code = f"""
import mlflow, pandas
mlflow.set_tracking_uri({tracker.uri!r})
model = mlflow.pyfunc.load_model("models:/pipe@champion")
given = model.predict(pandas.read_parquet({str(tmp_path / "history.parquet")!r}))
given.to_parquet({str(tmp_path / "given.parquet")!r})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    given = pd.read_parquet(tmp_path / "given.parquet")
    expected = _load_pyfunc(str(package)).predict(history())
    pd.testing.assert_frame_equal(given, expected)
