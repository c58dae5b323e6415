"""The settings of a recurrent forecaster as they stand in the config; a null adapts to the data (see `defaults`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from forecasting.errors import InputError, unknown
from forecasting.forecasters.refusals import require_possible
from forecasting.models.cells import cell_of
from forecasting.models.heads import head_of
from forecasting.models.topologies import topology_of
from forecasting.training.losses import require_loss
from forecasting.training.settings import TrainingSettings
from forecasting.windows.residuals import require_residual
from forecasting.windows.scalers import require_scaler
from forecasting.windows.transforms import transform_of


@dataclass(frozen=True)
class RecurrentSettings:
    """One network. context_length in steps; hidden_size per layer; min_history in observed values before an origin."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    name: str
    kind: Literal["recurrent"] = "recurrent"
    cell: str = "gru"
    topology: str = "encoder_decoder"
    context_length: int | None = None
    hidden_size: int | None = None
    n_layers: int = 1
    dropout: float = 0.0
    transform: str = "none"
    scaling: str | None = None
    residual: str | None = None
    head: str = "quantiles"
    loss: str | None = None
    training: TrainingSettings = field(default_factory=TrainingSettings)
    min_history: int | None = None

    def __post_init__(self) -> None:
        cell_of(self.cell)
        head_of(self.head)
        if self.loss is not None:
            require_loss(self.loss, self.head)
        transform_of(self.transform)
        require_possible(self)
        every_step = topology_of(self.topology).every_step
        if self.scaling is not None:
            require_scaler(self.scaling, causal=every_step)
        if self.residual is not None:
            require_residual(self.residual)
        for key in ("context_length", "hidden_size", "n_layers", "min_history"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise InputError(f"{key} must be at least 1, got {value}: set {key} of forecaster {self.name}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must lie in [0, 1), got {self.dropout}: set dropout of forecaster {self.name}")


def settings_from_dict(values: Mapping[str, Any]) -> RecurrentSettings:
    """The settings of a mapping such as `dataclasses.asdict` gives; InputError for an unknown key or a bad value."""
    _require_known(values, [f.name for f in fields(RecurrentSettings)], "")
    training = values.get("training") or {}
    _require_known(training, [f.name for f in fields(TrainingSettings)], "training.")
    return RecurrentSettings(**{**values, "training": TrainingSettings(**training)})


def _require_known(values: Mapping[str, Any], known: list[str], prefix: str) -> None:
    for key in values:
        if key not in known:
            raise unknown("a key of a forecaster", prefix + key, [prefix + k for k in known], "forecasters")
