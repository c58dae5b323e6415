"""What a recurrent cell is: it makes layers, and a layer has a first state and takes steps. Axes: B, T steps, F inputs, D hidden.

A cell is a row of `cells.CELLS`. Nothing outside its own file knows how many tensors its state has or what they mean.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

FORGET_GATES = ("sigmoid", "exp")
State = tuple[Tensor, ...]  # of one layer, each (B, D); the first is h, which is also what the layer gives


@dataclass(frozen=True)
class CellOptions:
    """What a cell can be told besides its widths; it reads those that its row names."""

    forget_gate: str = "sigmoid"
    recurrent_blocks: int = 1


USUAL_OPTIONS = CellOptions()


class CellLayer(Protocol):
    """One layer in one direction, an nn.Module."""

    def __call__(self, inputs_BTF: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """h of every step, (B, T, D), and the state after the last one; without a state from `first_state`."""
        ...

    def first_state(self, inputs: Tensor) -> State:
        """What the layer starts from where nothing is given; `inputs` (B, ...) say for how many, in which type and where."""
        ...

    def step(self, input_BF: Tensor, state: State) -> State:
        """The state one step later."""
        ...


def hidden_alone(given: State) -> State:
    """A state that is h and nothing else."""
    return (torch.tanh(given[0]),)


class Cell(NamedTuple):
    """`make(F, D, options)` gives a CellLayer with its weights drawn.

    Where something else sets the first state (static covariates, an encoder) a linear map is learnt for each name in
    `learned`, and `started` makes the state of what they give, each (B, D). The names are those of the saved weights.
    """

    make: Callable[[int, int, CellOptions], nn.Module]
    description: str
    learned: tuple[str, ...] = ("hidden",)
    started: Callable[[State], State] = hidden_alone
    options: tuple[str, ...] = ()  # the fields of CellOptions that it reads


def by_steps(step: Callable[[Tensor, State], State], inputs_BTF: Tensor, state: State) -> tuple[Tensor, State]:
    """h after every step, (B, T, D), and the state after the last one."""
    hidden: list[Tensor] = []
    for input_BF in inputs_BTF.unbind(1):
        state = step(input_BF, state)
        hidden.append(state[0])
    return torch.stack(hidden, dim=1), state
