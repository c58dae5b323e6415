"""The recurrent cells by their name in the config."""

from forecasting.errors import unknown
from forecasting.models.cell import Cell
from forecasting.models.kernels import lstm_started, make_gru, make_lstm, make_rnn, make_rnn_relu
from forecasting.models.slstm import SLSTM, slstm_started

CELLS: dict[str, Cell] = {
    "rnn": Cell(make_rnn, "Elman 1990: one tanh layer; forgets what lies far back"),
    "rnn_relu": Cell(
        make_rnn_relu,
        "Le et al. 2015: one relu layer that starts as the identity; remembers longer, can explode",
    ),
    "lstm": Cell(
        make_lstm,
        "Hochreiter & Schmidhuber 1997: gates around a memory that lasts",
        learned=("hidden", "memory"),
        started=lstm_started,
    ),
    "gru": Cell(make_gru, "Cho et al. 2014: two gates, fewer weights than the lstm"),
    "slstm": Cell(
        SLSTM,
        "Beck et al. 2024 (xLSTM): exponential gates, so that a late value can outweigh all before it; several times slower",
        learned=("hidden", "memory"),
        started=slstm_started,
        options=("forget_gate", "recurrent_blocks"),
    ),
}


def cell_of(name: str) -> Cell:
    """The row of CELLS; InputError for an unknown name."""
    if name not in CELLS:
        raise unknown("cell", name, list(CELLS), "cell of the forecaster")
    return CELLS[name]
