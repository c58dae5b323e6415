"""What older versions saved still loads, and forecasts what it forecast then."""

import json
from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import InputError
from forecasting.forecasters.protocol import no_progress
from forecasting.forecasters.recurrent.state import FORMAT
from forecasting.forecasters.saved import load_forecaster
from tests.forecasters.panels import last_origins
from tests.forecasters.saved_states import FORECASTS, arrays_of, folders


@pytest.mark.parametrize("folder", folders(), ids=lambda f: f"{f.parent.name}-{f.name}")
def test_a_saved_forecaster_of_any_version_loads_and_forecasts_what_it_did(folder: Path):
    stored = json.loads((folder / FORECASTS).read_text(encoding="utf-8"))
    arrays = arrays_of(stored)
    forecast = load_forecaster(folder).forecast(arrays, last_origins(arrays), no_progress)
    np.testing.assert_allclose(forecast.quantiles, stored["quantiles"], rtol=1e-5)


def test_every_version_up_to_the_current_one_has_its_artifacts():
    assert sorted({folder.parent.name for folder in folders()}) == [f"v{n}" for n in range(1, FORMAT + 1)]


@pytest.mark.parametrize("version", [FORMAT + 1, 0, None, "1", True])
def test_a_newer_or_unknown_format_is_refused_with_the_way_out(version, tmp_path: Path):
    source = folders()[0]
    state = json.loads((source / "forecaster.json").read_text()) | {"format": version}
    (tmp_path / "forecaster.json").write_text(json.dumps(state))
    (tmp_path / "network.safetensors").write_bytes((source / "network.safetensors").read_bytes())
    with pytest.raises(InputError, match=r"got .*: .*(fit|train) (it )?again"):
        load_forecaster(tmp_path)
