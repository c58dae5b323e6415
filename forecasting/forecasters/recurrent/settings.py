"""The settings of a recurrent forecaster as they stand in the config; a null adapts to the data (see `defaults`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from forecasting.errors import InputError, unknown
from forecasting.forecasters.recurrent.refusals import require_possible
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
    """How the window is read."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    kind: str = "steps"
    """`steps`: one value per recurrent step; `segments`: a linear map of `length` consecutive values. Example: segments
    """
    length: int | None = None
    """Values per segment, at least 2. Null: a season, or an even part of it up to 24 steps. Example: 24"""

    def __post_init__(self) -> None:
        if self.kind not in ENCODINGS:
            raise unknown("encoding", self.kind, list(ENCODINGS), "encoding.kind of the forecaster")
        if self.kind == "segments" and self.length is not None and self.length < 2:
            raise InputError(
                f"segments must have a length of at least 2, got {self.length}: set encoding.length of the forecaster"
            )
        if self.kind == "steps" and self.length is not None:
            raise InputError(f"steps have no length, got {self.length}: set encoding.kind to segments or leave it out")


@dataclass(frozen=True, kw_only=True)
class RecurrentSettings:
    """One network; a null adapts to the data (see `defaults`)."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    name: str = field(kw_only=False)
    """Name in leaderboard and runs; unique. Example: gru_seq2seq"""
    kind: Literal["recurrent"] = "recurrent"
    """The kind of forecaster."""
    cell: str = "gru"
    """Recurrent unit: rnn, rnn_relu, lstm, gru or slstm. Example: lstm"""
    forget_gate: str = "sigmoid"
    """Of a cell that has it (slstm): sigmoid or exp. Example: exp"""
    recurrent_blocks: int = 1
    """Of a cell that has them (slstm): into how many blocks the units of a layer are divided; a unit hears those of its
    own block. Example: 4
    """
    topology: str = "encoder_decoder"
    """How inputs are wired to outputs: one_to_one, one_to_many, many_to_one, many_to_many, encoder_decoder or mlp.
    Example: many_to_one
    """
    strategy: str | None = None
    """`direct`: the whole horizon at once; `recursive`: one step, drawn and read again along sample paths. Null: what
    the topology does best, direct where it can. Example: recursive
    """
    decoder: str = "parallel"
    """Of encoder_decoder: `parallel` makes all steps in one pass, `autoregressive` reads the value before each step.
    Example: autoregressive
    """
    scheduled_sampling: float = 0.0
    """Probability, at the end of training, that an autoregressive decoder reads its own draw in place of the true
    value. Example: 0.5
    """
    sampling_schedule: str = "linear"
    """How that probability rises over training: linear, exponential or inverse_sigmoid. Example: exponential"""
    bidirectional: bool = False
    """Whether the window is read in both directions; many_to_one and encoder_decoder only."""
    encoding: EncodingSettings = field(default_factory=EncodingSettings)
    """How the window is read."""
    context_length: int | None = None
    """Periods that the network sees. Null: two seasons or horizons; in segments up to seven seasons or eight horizons
    where the history is long enough; never more than half a usual history. Example: 168
    """
    context_lengths: list[int] = field(default_factory=list)
    """Several context lengths: `n_seeds` networks for each, combined by the median; excludes `context_length`. Example:
    [168, 336]
    """
    hidden_size: int | None = None
    """Units per layer. Null: 32, 64 or 96 by the number of training origins; in segments up to 192. Example: 64"""
    n_layers: int = 1
    """Recurrent layers on top of each other. Example: 2"""
    residual_layers: bool = False
    """Whether each further layer adds to the one below it."""
    dropout: float = 0.0
    """Share of units left out between layers while training, in [0, 1). Example: 0.1"""
    static: str = "steps"
    """Whether static covariates are read at every step (`steps`) or make the first state (`state`). Example: state"""
    transform: str | None = "none"
    """What `y` becomes before it is scaled: none, log1p, asinh, difference, seasonal_difference or log1p_difference.
    Null: log1p where no `y` is below 0, else none. Example: log1p
    """
    scaling: str | None = None
    """Level and spread of each window: none, panel, mean_abs, standard, robust, last_value or reversible. Null:
    standard; mean_abs for differences, counts, and series of no negative `y` that vary widely; panel for one_to_many.
    Example: robust
    """
    residual: str | None = None
    """What a forecast is added to: none, last_value, season_mean or seasonal_naive. Null: seasonal_naive where the
    season repeats firmly, else season_mean; last_value without a season; none for differences and counts. Example:
    last_value
    """
    head: str = "quantiles"
    """What is learnt of each step: point, quantiles, normal, laplace, student_t or negative_binomial.
    Example: student_t
    """
    loss: str | None = None
    """What is minimised: pinball, mae, mse, huber, mase, smape or likelihood. Null: the head's own, pinball for
    quantiles, likelihood for a distribution. Example: mae
    """
    n_paths: int = 200
    """Sample paths that make the quantiles where steps are drawn one by one, at least 2. Example: 500"""
    training: TrainingSettings = field(default_factory=TrainingSettings)
    """How the network is trained."""
    min_history: int | None = None
    """Observed values before an origin that the network needs; shorter series are left to the fallback. Null: a season
    and two values, at least 10, at most half a usual history. Example: 20
    """
    n_seeds: int = 1
    """Networks of different seeds, combined by the median. Example: 3"""
    calibrate: bool = True
    """Whether the outer quantiles are moved by what they missed on the inner cutoffs (split-conformal). Example: false
    """

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
