"""The sizes of a network, as its parts share them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkShape:
    """Widths by axis name; P parameters of the head per forecast step."""

    cell: str
    topology: str
    n_inputs: int  # F of a step, static covariates not counted
    n_static: int  # A
    categories: tuple[int, ...]  # codes of each categorical static covariate, the unknown one counted
    n_future: int  # K
    horizon: int  # H
    hidden_size: int  # D
    n_layers: int
    dropout: float
    quantile_levels: tuple[float, ...]
    head: str
    learned_affine: bool = False  # the learned part of reversible instance normalisation
