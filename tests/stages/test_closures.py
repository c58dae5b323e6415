"""The code that a result's key covers is the code that made it: each kind of job done alone in a fresh process."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from forecasting import results
from forecasting.code import closure_of
from forecasting.config import parse_config
from forecasting.stages.run import run
from tests.conftest import tiny_config

pytestmark = pytest.mark.slow

ALONE = """
import json, pickle, sys
from pathlib import Path
from forecasting.results import Making
with open(sys.argv[1], "rb") as file:
    job = pickle.load(file)
place = Path(sys.argv[2])
place.mkdir()
job.make(Making(key="alone", folder=place, kept=place / "kept", progress=lambda *_: None))
loaded = [name for name in sys.modules if name.split(".")[0] == "forecasting"]
print(json.dumps([type(job).__module__, loaded]))
"""


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One job of each kind that a run does, as it goes to a worker; the results that it reads stay where they are."""
    folder = tmp_path_factory.mktemp("orders")
    raw = tiny_config(folder / "workspace", blends="auto", promotion={"against": "naive", "min_evidence": 10})
    raw["baselines"] = ["naive", "seasonal_naive", "theta"]
    found: dict[str, Path] = {}
    real = results._make

    def noting(order, progress):
        kind = type(order.job).__name__
        if kind not in found:
            found[kind] = folder / f"{kind}.pickle"
            found[kind].write_bytes(pickle.dumps(order.job))
        return real(order, progress)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "_make", noting)
        run(parse_config(raw))
    return found


def test_a_job_of_each_kind_loads_nothing_that_its_key_does_not_cover(orders, tmp_path):
    assert set(orders) >= {"IngestJob", "WindowJob", "StudyJob", "FitJob", "AssembleJob", "BaselineJob", "BlendJob"}
    assert set(orders) >= {"ChunkJob", "CheckJob", "DetailJob"}
    for kind, file in orders.items():
        command = [sys.executable, "-c", ALONE, str(file), str(tmp_path / kind)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        module, loaded = json.loads(done.stdout.splitlines()[-1])
        assert set(loaded) <= closure_of(module), kind
