"""How inputs are wired to outputs: one file per topology, its name is the name in the config."""

from typing import NamedTuple

from torch import nn

from forecasting.errors import unknown
from forecasting.models.topologies import encoder_decoder, many_to_many, many_to_one
from forecasting.models.topologies.encoder_decoder import EncoderDecoder
from forecasting.models.topologies.many_to_many import ManyToMany
from forecasting.models.topologies.many_to_one import ManyToOne


class Topology(NamedTuple):
    """`module(shape, n_inputs, n_parameters)`; `every_step`: an output is due inside the context, nothing may look ahead."""

    module: type[nn.Module]
    every_step: bool


TOPOLOGIES: dict[str, Topology] = {
    "many_to_one": Topology(ManyToOne, many_to_one.EVERY_STEP),
    "many_to_many": Topology(ManyToMany, many_to_many.EVERY_STEP),
    "encoder_decoder": Topology(EncoderDecoder, encoder_decoder.EVERY_STEP),
}


def topology_of(name: str) -> Topology:
    """The row of TOPOLOGIES; InputError for an unknown name."""
    if name not in TOPOLOGIES:
        raise unknown("topology", name, list(TOPOLOGIES), "topology of the forecaster")
    return TOPOLOGIES[name]
