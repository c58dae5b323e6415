"""How a network is trained; budgets are in optimizer steps, never in seconds."""

from dataclasses import dataclass
from typing import Literal, get_args

from forecasting.errors import InputError, unknown

Schedule = Literal["constant", "cosine", "one_cycle"]
Averaging = Literal["none", "ema", "swa"]
_CHOICES = {"schedule": get_args(Schedule), "averaging": get_args(Averaging)}


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
    valid_every: int | None = None  # steps between looks (inner cutoffs, checkpoint); null: max_steps / 20
    patience: int = 6  # looks without a better validation loss before stopping
    averaging: Averaging = "none"  # which weights are evaluated and kept: the last, their moving or their late average
    average_decay: float = 0.99  # of the moving average, per step
    bptt_length: int | None = None  # steps through which gradients reach back; null: the whole window
    tf32: bool = False  # on a GPU: matrix products of float32 in 19 bits
    bf16: bool = False  # forward and backward in bfloat16, weights and optimizer in float32; forecasts are in float32
    cuda_graph: bool = True  # on a GPU: the step as one captured graph where that can be done

    def __post_init__(self) -> None:
        for key, choices in _CHOICES.items():
            if getattr(self, key) not in choices:
                raise unknown(key, getattr(self, key), list(choices), f"training.{key} of the forecaster")
        for key in ("max_steps", "batch_size", "valid_every", "patience", "bptt_length"):
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
        if not 0 < self.average_decay < 1:
            raise InputError(f"average_decay must lie in (0, 1), got {self.average_decay}: set training.average_decay")
