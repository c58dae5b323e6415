"""A packed forecaster as an MLflow model: goes out a folder with the MLmodel file that names our installed loader.

No pickle and no code is in it: `python_function` is only the name of the protocol that every MLflow tool calls.
"""

import json
import platform
import shutil
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml
from mlflow.entities import LoggedModel
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema
from mlflow.types.schema import AnyType

from forecasting.forecasters.saved import read_state
from forecasting.schema import CUTOFF, DS, FALLBACK, STEP, UNIQUE_ID, Y_HAT, Y, quantile_columns
from forecasting.tracking.package import SERVING, STATE
from forecasting.tracking.provenance import package_versions

LOADER = "forecasting.tracking.loader"
DATA = "data"  # folder of the packed forecaster in the model
_NEEDED = ("torch", "numpy", "polars", "pyarrow", "pandas", "safetensors", "statsmodels", "holidays")


def write_model(path: Path, package: Path, logged: LoggedModel, digest: str) -> None:
    """Write the model folder `path` of the packed forecaster `package` (see `digests.pack`) for the entry `logged`."""
    path.mkdir()
    shutil.copytree(package, path / DATA)
    requirements = [f"{name}=={metadata.version(name).partition('+')[0]}" for name in _NEEDED]
    # not this package itself: it is on no index, and another one has its name there
    (path / "requirements.txt").write_text("\n".join(requirements) + "\n", encoding="utf-8")
    environment = {"python": platform.python_version(), "dependencies": ["-r requirements.txt"]}
    (path / "python_env.yaml").write_text(yaml.safe_dump(environment, sort_keys=False), encoding="utf-8")
    serving = json.loads((package / STATE / SERVING).read_text(encoding="utf-8"))
    model = Model(
        artifact_path=logged.artifact_location,
        run_id=logged.source_run_id,
        model_uuid=logged.model_id,
        model_id=logged.model_id,
        metadata={"digest": digest, "forecasting": package_versions().get("forecasting", "not installed")},
        signature=signature_of(serving, read_state(package / STATE)["task"]["quantile_levels"]),
    )
    model.add_flavor(
        "python_function",
        loader_module=LOADER,
        data=DATA,
        python_version=platform.python_version(),
        env={"virtualenv": "python_env.yaml"},
    )
    model.save(str(path / "MLmodel"))


def signature_of(serving: Mapping[str, Any], levels: Sequence[float]) -> ModelSignature:
    """Inputs: history with its covariates (of any type); outputs: forecasts with one column per quantile level.

    `ds` is a time stamp without zone (UTC), or a whole number where the frequency is an integer step.
    """
    stamp = "long" if str(serving["freq"]).isdigit() else "datetime"
    covariates = [*serving["static"], *serving["past"], *serving["known_future"]]
    anything = AnyType()  # type: ignore[no-untyped-call]
    history = [ColSpec("string", UNIQUE_ID), ColSpec(stamp, DS), ColSpec("double", Y)]
    optional = [ColSpec(anything, name, required=False) for name in covariates]
    key = [ColSpec("string", UNIQUE_ID), ColSpec(stamp, CUTOFF), ColSpec(stamp, DS), ColSpec("long", STEP)]
    values = [ColSpec("double", name) for name in (Y_HAT, *quantile_columns(list(levels)))]
    reason = ColSpec("string", FALLBACK, required=False)
    return ModelSignature(Schema([*history, *optional]), Schema([*key, *values, reason]))
