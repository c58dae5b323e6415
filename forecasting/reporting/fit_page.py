"""How a fit is told in its run: figures of its course, and a sentence on how far back the network learnt to look."""

import plotly.graph_objects as go
import polars as pl

from forecasting.figures.gradients import gradient_through_time, profile_frame
from forecasting.figures.training import gradient_norms, loss_curves
from forecasting.schema import FitOutcome

_SHOWN = ("step", "train_loss", "valid_loss", "gradient_norm")


def training_figures(name: str, fit: FitOutcome, clip_norm: float | None, season_length: int) -> dict[str, go.Figure]:
    """Loss, gradient norm and gradient through time (first, middle and kept weights), by title."""
    schema = dict.fromkeys(_SHOWN, pl.Float64)  # a fit that failed may have measured none of them
    history = pl.DataFrame([{k: row.get(k) for k in _SHOWN} for row in fit.history], schema=schema)
    history = history.with_columns(model=pl.lit(name))
    figures = {
        "Loss": loss_curves(history),
        "Gradient norm": gradient_norms(history, clip_norm),
    }
    if any(row.profile for row in fit.profiles):
        *during, kept = [row.model_dump() for row in fit.profiles]
        shown = during if len(during) < 3 else [during[0], during[len(during) // 2]]
        lines = {f"after step {row['step']}" if row["step"] else "before training": row for row in shown}
        lines[f"weights that were kept (step {kept['step']})"] = kept
        figures["Gradient through time"] = gradient_through_time(profile_frame(lines), season_length)
    return figures


def seconds_sentence(seconds_of: dict[str, float], best_step: int) -> str:
    """That a network was fitted twice: for the choice of its steps, then on all rows; the figures show the first fit."""
    return (
        f"Evaluated is a second fit on the whole history, for as many steps as were best in the first ({best_step}), "
        f"which held inner cutoffs back; it took {seconds_of['whole_history']:.1f} s after {seconds_of['held_back']:.1f} s. "
        "Losses, gradients and the inner score are those of the first."
    )


def memory_sentence(memory: int, season_length: int, context_length: int) -> str:
    """What the profile of the kept weights says."""
    told = f"Effective memory: {memory} of {context_length} steps of context still get 1 % or more of the gradient"
    if season_length <= 1:
        return f"{told}."
    if memory < season_length:
        return (
            f"{told}; that is less than a season ({season_length} steps), so it cannot be learnt from the states alone."
        )
    return f"{told}; a season has {season_length}."
