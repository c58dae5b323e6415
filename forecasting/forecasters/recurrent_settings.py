"""The settings of a recurrent forecaster as they stand in the config; a null adapts to the data (see `defaults`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from forecasting.errors import InputError, unknown
from forecasting.forecasters.refusals import require_possible
from forecasting.models.cell import FORGET_GATES
from forecasting.models.cells import cell_of
from forecasting.models.decoders.autoregressive import SAMPLING_SCHEDULES
from forecasting.models.encodings import ENCODINGS
from forecasting.models.heads import head_of
from forecasting.models.topologies import topology_of
from forecasting.training.losses import require_loss
from forecasting.training.settings import TrainingSettings
from forecasting.windows.residuals import require_residual
from forecasting.windows.scalers import require_scaler
from forecasting.windows.transforms import transform_of

_CHOICES = {
    "forget_gate": FORGET_GATES,
    "strategy": ("direct", "recursive"),
    "decoder": ("parallel", "autoregressive"),
    "static": ("steps", "state"),
    "sampling_schedule": tuple(SAMPLING_SCHEDULES),
}
_LEAST = {
    "context_length": 1,
    "hidden_size": 1,
    "recurrent_blocks": 1,
    "n_layers": 1,
    "n_paths": 2,
    "min_history": 0,
    "n_seeds": 1,
}


@dataclass(frozen=True)
class EncodingSettings:
    """How the window is read: step by step, or `length` steps at a time (null: adapts to the season)."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    kind: str = "steps"
    length: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in ENCODINGS:
            raise unknown("encoding", self.kind, list(ENCODINGS), "encoding.kind of the forecaster")
        if self.kind == "segments" and self.length is not None and self.length < 2:
            raise InputError(
                f"segments must have a length of at least 2, got {self.length}: set encoding.length of the forecaster"
            )
        if self.kind == "steps" and self.length is not None:
            raise InputError(f"steps have no length, got {self.length}: set encoding.kind to segments or leave it out")


@dataclass(frozen=True)
class RecurrentSettings:
    """One network. context_length in steps; hidden_size per layer; min_history in observed values before an origin.

    `forget_gate` (sigmoid or exp) and `recurrent_blocks`, into which the units of a layer are divided so that a unit hears
    those of its own block, are options of a cell that has them (slstm). `scheduled_sampling` is the probability, at the end
    of training, that an autoregressive decoder reads its own draw; `n_paths` sample paths make the quantiles where steps
    are drawn one by one. `n_seeds` networks, or as many for each of `context_lengths`, are combined by the median;
    `calibrate` moves their quantiles by what they missed on inner cutoffs. `transform` null: log1p where no y is below 0.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    name: str
    kind: Literal["recurrent"] = "recurrent"
    cell: str = "gru"
    forget_gate: str = "sigmoid"
    recurrent_blocks: int = 1
    topology: str = "encoder_decoder"
    strategy: str | None = None
    decoder: str = "parallel"
    scheduled_sampling: float = 0.0
    sampling_schedule: str = "linear"
    bidirectional: bool = False
    encoding: EncodingSettings = field(default_factory=EncodingSettings)
    context_length: int | None = None
    context_lengths: list[int] = field(default_factory=list)
    hidden_size: int | None = None
    n_layers: int = 1
    residual_layers: bool = False
    dropout: float = 0.0
    static: str = "steps"
    transform: str | None = "none"
    scaling: str | None = None
    residual: str | None = None
    head: str = "quantiles"
    loss: str | None = None
    n_paths: int = 200
    training: TrainingSettings = field(default_factory=TrainingSettings)
    min_history: int | None = None
    n_seeds: int = 1
    calibrate: bool = True

    def __post_init__(self) -> None:
        cell_of(self.cell)
        head_of(self.head)
        if self.loss is not None:
            require_loss(self.loss, self.head)
        if self.transform is not None:
            transform_of(self.transform)
        every_step = topology_of(self.topology).every_step
        for key, choices in _CHOICES.items():
            if getattr(self, key) not in (*choices, None):
                raise unknown(key, getattr(self, key), list(choices), f"{key} of forecaster {self.name}")
        if self.scaling is not None:
            require_scaler(self.scaling, causal=every_step)
        if self.residual is not None:
            require_residual(self.residual)
        for key, least in _LEAST.items():
            value = getattr(self, key)
            if value is not None and value < least:
                raise InputError(f"{key} must be at least {least}, got {value}: set {key} of forecaster {self.name}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must lie in [0, 1), got {self.dropout}: set dropout of forecaster {self.name}")
        if not 0 <= self.scheduled_sampling <= 1:
            raise InputError(
                f"scheduled_sampling must lie in [0, 1], got {self.scheduled_sampling}: set scheduled_sampling of "
                f"forecaster {self.name}"
            )
        if self.context_lengths and self.context_length is not None:
            raise InputError(
                f"context_length and context_lengths exclude each other, got both: remove one of forecaster {self.name}"
            )
        if any(length < 1 for length in self.context_lengths):
            raise InputError(
                f"context_lengths must be at least 1, got {self.context_lengths}: set them of forecaster {self.name}"
            )
        require_possible(self)

    @property
    def way(self) -> str:
        """How the network goes through the horizon: direct, recursive (reads its steps again), autoregressive (its values)."""
        if (self.strategy or topology_of(self.topology).strategies[0]) == "recursive":
            return "recursive"
        return "autoregressive" if self.decoder == "autoregressive" else "direct"


def settings_from_dict(values: Mapping[str, Any]) -> RecurrentSettings:
    """The settings of a mapping such as `dataclasses.asdict` gives; InputError for an unknown key or a bad value."""
    _require_known(values, [f.name for f in fields(RecurrentSettings)], "")
    training = values.get("training") or {}
    _require_known(training, [f.name for f in fields(TrainingSettings)], "training.")
    encoding = values.get("encoding") or {}
    _require_known(encoding, [f.name for f in fields(EncodingSettings)], "encoding.")
    nested = {"training": TrainingSettings(**training), "encoding": EncodingSettings(**encoding)}
    return RecurrentSettings(**{**values, **nested})


def in_steps(settings: RecurrentSettings, n_steps: int) -> RecurrentSettings:
    """The settings with a whole schedule in `n_steps`: weights cut off at a high learning rate would be noisy ones."""
    valid_every = min(settings.training.valid_every or n_steps, n_steps)
    return replace(settings, training=replace(settings.training, max_steps=n_steps, valid_every=valid_every))


def _require_known(values: Mapping[str, Any], known: list[str], prefix: str) -> None:
    for key in values:
        if key not in known:
            raise unknown("a key of a forecaster", prefix + key, [prefix + k for k in known], "forecasters")
