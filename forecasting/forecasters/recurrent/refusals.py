"""Settings of a network that cannot go together, each with its reason and the way out: one row per rule."""

from collections.abc import Callable
from dataclasses import fields
from typing import NamedTuple, Protocol

from forecasting.errors import InputError
from forecasting.models.cell import USUAL_OPTIONS, CellOptions
from forecasting.models.cells import CELLS, cell_of
from forecasting.models.heads import head_of, heads_where
from forecasting.models.topologies import topology_of
from forecasting.windows.scalers import PANEL
from forecasting.windows.transforms import transform_of


class _Encoding(Protocol):
    """How the window is read."""

    @property
    def kind(self) -> str: ...


class Choices(Protocol):
    """What the rules read of a network's settings (`RecurrentSettings`, which asks them)."""

    @property
    def name(self) -> str: ...
    @property
    def cell(self) -> str: ...
    @property
    def topology(self) -> str: ...
    @property
    def way(self) -> str: ...
    @property
    def strategy(self) -> str | None: ...
    @property
    def decoder(self) -> str: ...
    @property
    def bidirectional(self) -> bool: ...
    @property
    def encoding(self) -> _Encoding: ...
    @property
    def scheduled_sampling(self) -> float: ...
    @property
    def hidden_size(self) -> int | None: ...
    @property
    def recurrent_blocks(self) -> int: ...
    @property
    def head(self) -> str: ...
    @property
    def static(self) -> str: ...
    @property
    def transform(self) -> str | None: ...
    @property
    def scaling(self) -> str | None: ...
    @property
    def residual(self) -> str | None: ...


class Refusal(NamedTuple):
    """`applies(settings)`: the settings break the rule; the message is the rule, what was set, and the way out."""

    applies: Callable[[Choices], bool]
    rule: str
    keys: tuple[str, ...]
    way_out: str


def _draws_steps(s: Choices) -> bool:
    return s.way != "direct"


def _option_of_cell(key: str) -> Refusal:
    """An option of a cell is set, and the cell does not read it."""
    usual = getattr(USUAL_OPTIONS, key)
    offering = [name for name, cell in CELLS.items() if key in cell.options]
    return Refusal(
        lambda s: getattr(s, key) != usual and key not in cell_of(s.cell).options,
        f"{key} is an option of cell {' or '.join(offering)}",
        (key, "cell"),
        f"set {key} to {usual} or cell to {' or '.join(offering)}",
    )


REFUSALS: dict[str, Refusal] = {
    "strategy_of_topology": Refusal(
        lambda s: s.strategy not in (None, *topology_of(s.topology).strategies),
        "one_to_one, many_to_one and many_to_many can be recursive; one_to_one is never direct, for it knows one step",
        ("strategy", "topology"),
        "leave strategy out or set another topology",
    ),
    "bidirectional_sees_the_future": Refusal(
        lambda s: s.bidirectional and topology_of(s.topology).every_step,
        "where an output is due at every step of the context, a bidirectional encoder would see the future of that step",
        ("bidirectional", "topology"),
        "set bidirectional to false, or topology to many_to_one or encoder_decoder",
    ),
    "bidirectional_reads_a_window": Refusal(
        lambda s: s.bidirectional and not topology_of(s.topology).reads_window,
        "a second direction needs recurrent layers that read the window",
        ("bidirectional", "topology"),
        "set bidirectional to false, or topology to many_to_one or encoder_decoder",
    ),
    "bidirectional_goes_on": Refusal(
        lambda s: s.bidirectional and s.strategy == "recursive",
        "a state that came from the end of the window backwards cannot be carried one step further",
        ("bidirectional", "strategy"),
        "set bidirectional to false or strategy to direct",
    ),
    "segments_at_every_step": Refusal(
        lambda s: s.encoding.kind == "segments" and topology_of(s.topology).every_step,
        "where an output is due at every step, steps cannot be read in segments",
        ("encoding", "topology"),
        "set encoding to steps, or topology to many_to_one or encoder_decoder",
    ),
    "segments_read_a_window": Refusal(
        lambda s: s.encoding.kind == "segments" and not topology_of(s.topology).reads_window,
        "segments shorten the window for recurrent layers that read it",
        ("encoding", "topology"),
        "set encoding to steps, or topology to many_to_one or encoder_decoder",
    ),
    "segments_go_on": Refusal(
        lambda s: s.encoding.kind == "segments" and s.strategy == "recursive",
        "a step that was drawn cannot be read as a whole segment",
        ("encoding", "strategy"),
        "set encoding to steps or strategy to direct",
    ),
    "decoder_of_topology": Refusal(
        lambda s: s.decoder != "parallel" and s.topology != "encoder_decoder",
        "a decoder that reads its own values belongs to encoder_decoder",
        ("decoder", "topology"),
        "set decoder to parallel or topology to encoder_decoder",
    ),
    "sampling_of_decoder": Refusal(
        lambda s: s.scheduled_sampling > 0 and s.decoder != "autoregressive",
        "scheduled sampling is for a decoder that reads values",
        ("scheduled_sampling", "decoder"),
        "set scheduled_sampling to 0 or decoder to autoregressive",
    ),
    "paths_need_spread": Refusal(
        lambda s: _draws_steps(s) and not head_of(s.head).is_random,
        "steps that are read again must be drawn, for a mean that is fed back gives intervals that do not widen",
        ("head", "strategy", "decoder"),
        f"set head to {heads_where(lambda head: head.is_random)}, or strategy to direct",
    ),
    **{f"{option.name}_of_cell": _option_of_cell(option.name) for option in fields(CellOptions)},
    "blocks_share_the_units": Refusal(
        lambda s: s.hidden_size is not None and s.hidden_size % s.recurrent_blocks != 0,
        "blocks of a recurrent matrix have as many units each",
        ("hidden_size", "recurrent_blocks"),
        "set hidden_size to a multiple of recurrent_blocks",
    ),
    "static_state": Refusal(
        lambda s: s.static == "state" and not topology_of(s.topology).reads_window,
        "static covariates can start the state of recurrent layers that read the window, and of no others",
        ("static", "topology"),
        "set static to steps",
    ),
    "counts_without_shift": Refusal(
        lambda s: (
            head_of(s.head).of_counts
            and (
                s.transform not in (None, "none")
                or s.scaling not in (None, "mean_abs", PANEL, "none")
                or s.residual not in (None, "none")
            )
        ),
        f"head {heads_where(lambda head: head.of_counts)} needs counts, which a transform, a shift or a base that is added "
        "would break",
        ("transform", "scaling", "residual"),
        "set transform to none, scaling to mean_abs, panel or none, and residual to none",
    ),
    "nothing_of_the_history": Refusal(
        lambda s: (
            s.topology == "one_to_many" and (s.scaling not in (None, PANEL, "none") or s.residual not in (None, "none"))
        ),
        "one_to_many forecasts series without history, which have no scale and no last value of their own",
        ("scaling", "residual"),
        "set scaling to panel or none, and residual to none",
    ),
    "panel_scale_of_levels": Refusal(
        lambda s: (
            (s.scaling == PANEL or (s.scaling is None and s.topology == "one_to_many"))
            and transform_of(s.transform or "none").lag != "none"
        ),
        "scaling panel takes the level and spread of y over all series, not those of its differences",
        ("scaling", "transform"),
        "set transform to none, log1p or asinh",
    ),
}


def require_possible(settings: Choices) -> None:
    """InputError for the first rule of REFUSALS that the settings break."""
    for refusal in REFUSALS.values():
        if refusal.applies(settings):
            found = ", ".join(f"{key} {_shown(getattr(settings, key))}" for key in refusal.keys)
            raise InputError(f"{refusal.rule}, got {found}: {refusal.way_out}, of forecaster {settings.name}")


def _shown(value: object) -> str:
    return repr(getattr(value, "kind", value))
