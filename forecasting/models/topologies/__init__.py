"""How inputs are wired to outputs: one file per topology, its name is the name in the config."""

from typing import NamedTuple

from torch import nn

from forecasting.errors import unknown
from forecasting.models.topologies.encoder_decoder import EncoderDecoder
from forecasting.models.topologies.many_to_many import ManyToMany
from forecasting.models.topologies.many_to_one import ManyToOne
from forecasting.models.topologies.mlp import MLP
from forecasting.models.topologies.one_to_many import OneToMany
from forecasting.models.topologies.one_to_one import OneToOne


class Topology(NamedTuple):
    """`module(shape, n_inputs, n_parameters)`, and what its settings may be."""

    module: type[nn.Module]
    every_step: bool = False  # an output is due inside the context: nothing may look ahead
    strategies: tuple[str, ...] = ("direct",)  # the first is the default
    has_cell: bool = True  # recurrent
    reads_window: bool = True  # with recurrent layers, in which the encoding and the direction have a meaning
    needs_history: bool = True


TOPOLOGIES: dict[str, Topology] = {
    "one_to_one": Topology(OneToOne, every_step=True, strategies=("recursive",), has_cell=False, reads_window=False),
    "one_to_many": Topology(OneToMany, reads_window=False, needs_history=False),
    "many_to_one": Topology(ManyToOne, strategies=("direct", "recursive")),
    "many_to_many": Topology(ManyToMany, every_step=True, strategies=("direct", "recursive")),
    "encoder_decoder": Topology(EncoderDecoder),
    "mlp": Topology(MLP, has_cell=False, reads_window=False),
}


def topology_of(name: str) -> Topology:
    """The row of TOPOLOGIES; InputError for an unknown name."""
    if name not in TOPOLOGIES:
        raise unknown("topology", name, list(TOPOLOGIES), "topology of the forecaster")
    return TOPOLOGIES[name]
