"""How a network is trained; budgets are in optimizer steps, never in seconds."""

from dataclasses import dataclass
from typing import Literal, get_args

from forecasting.errors import InputError, unknown

Schedule = Literal["constant", "cosine", "one_cycle"]
Averaging = Literal["none", "ema", "swa"]
_CHOICES = {"schedule": get_args(Schedule), "averaging": get_args(Averaging)}


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How one network is trained; budgets that are null adapt to the size of the panel."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    max_steps: int | None = None
    """Optimizer steps at most. Null: 300 to 1,500 by the number of training origins; in segments 200 to 1,000. Example:
    2000
    """
    batch_size: int | None = None
    """Windows per step. Null: 64, 128 or 256 by the number of training origins. Example: 128"""
    learning_rate: float = 5e-3
    """Peak learning rate of AdamW. Example: 0.001"""
    weight_decay: float = 1e-2
    """Weight decay of AdamW, at least 0. Example: 0.0"""
    clip_norm: float | None = 1.0
    """Largest norm of all gradients together. Null: gradients are not clipped. Example: 0.5"""
    schedule: Schedule = "one_cycle"
    """Learning rate over the steps: constant, cosine or one_cycle. Example: cosine"""
    valid_every: int | None = None
    """Steps between looks at the inner cutoffs; a checkpoint is written at each. Null: a twentieth of `max_steps`.
    Example: 50
    """
    patience: int = 6
    """Looks without a better validation loss before training stops. Example: 10"""
    averaging: Averaging = "none"
    """Which weights are judged and kept: the last (`none`), their moving average (`ema`) or the average of the last
    quarter (`swa`). Example: ema
    """
    average_decay: float = 0.99
    """Decay of the moving average per step, in (0, 1). Example: 0.995"""
    bptt_length: int | None = None
    """Steps through which gradients reach back. Null: the whole window. Example: 64"""
    tf32: bool = False
    """On a GPU: matrix products of float32 in 19 bits."""
    bf16: bool = False
    """Forward and backward in bfloat16; weights, optimizer and forecasts stay in float32."""
    cuda_graph: bool = True
    """On a GPU: the step as one captured graph, where that can be done. Example: false"""

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
