"""The sizes of a network, as its parts share them, and what a topology reads."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from forecasting.models.cell import USUAL_OPTIONS, CellOptions, State


@dataclass(frozen=True)
class NetworkShape:
    """Widths by axis name; P parameters of the head per forecast step."""

    cell: str
    topology: str
    n_inputs: int  # F of a step, static covariates not counted
    n_static: int  # A
    categories: tuple[int, ...]  # codes of each categorical static covariate, the unknown one counted
    n_future: int  # K
    horizon: int  # H of one pass: 1 where further steps are drawn one by one
    hidden_size: int  # D
    n_layers: int
    dropout: float
    quantile_levels: tuple[float, ...]
    head: str = "quantiles"
    cell_options: CellOptions = USUAL_OPTIONS
    context_length: int = 1  # T, read by the mlp alone
    residual_layers: bool = False
    bidirectional: bool = False
    segment_length: int | None = None  # null: one recurrent step per step
    static: str = "steps"  # or "state"
    decoder: str = "parallel"  # or "autoregressive"
    sampling: float = 0.0  # probability at the end of training that a decoder reads its own draw, not the truth
    sampling_schedule: str = "linear"
    sampling_steps: int = 1  # over which the probability rises
    learned_affine: bool = False  # the learned part of reversible instance normalisation


class Context(NamedTuple):
    """What a topology reads. S: static covariates, embedded; J: absent, or T where every step is an origin."""

    steps_BTF: Tensor  # with the static covariates beside each step, unless they start the state
    length_B: Tensor
    static_BS: Tensor
    future_BJHK: Tensor
    states: list[State] | None  # of the layers that read the window, from the static covariates; null: zero
