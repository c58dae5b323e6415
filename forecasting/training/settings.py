"""How a network is trained; budgets are in optimizer steps, never in seconds."""

from dataclasses import dataclass
from typing import Literal, get_args

from forecasting.errors import InputError, unknown

Schedule = Literal["constant", "cosine", "one_cycle"]


@dataclass(frozen=True)
class TrainingSettings:
    """`clip_norm` is the global gradient norm (null: no clipping); null budgets adapt to the size of the panel."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    max_steps: int | None = None
    batch_size: int | None = None
    learning_rate: float = 5e-3
    weight_decay: float = 1e-2
    clip_norm: float | None = 1.0
    schedule: Schedule = "one_cycle"
    valid_every: int | None = None  # steps between looks at the inner cutoffs; null: max_steps / 20
    patience: int = 6  # looks without a better validation loss before stopping

    def __post_init__(self) -> None:
        if self.schedule not in get_args(Schedule):
            raise unknown("schedule", self.schedule, list(get_args(Schedule)), "training.schedule of the forecaster")
        for key in ("max_steps", "batch_size", "valid_every", "patience"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise InputError(f"{key} must be at least 1, got {value}: set training.{key} of the forecaster")
        for key in ("learning_rate", "clip_norm"):
            value = getattr(self, key)
            if value is not None and not 0 < value < float("inf"):
                raise InputError(f"{key} must be above 0 and finite, got {value}: set training.{key} of the forecaster")
        if not 0 <= self.weight_decay < float("inf"):
            raise InputError(
                f"weight_decay must be at least 0 and finite, got {self.weight_decay}: set training.weight_decay"
            )
