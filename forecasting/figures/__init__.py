"""Frames in, plotly figures out: used by runs, the report and the dashboards alike."""

from collections.abc import Callable

import plotly.graph_objects as go

from forecasting.figures.fan import forecast_fan
from forecasting.figures.leaderboard import leaderboard_bars, skill_intervals
from forecasting.figures.steps import step_profile
from forecasting.figures.training import gradient_norms, loss_curves

FIGURES: dict[str, Callable[..., go.Figure]] = {
    "forecast_fan": forecast_fan,
    "gradient_norms": gradient_norms,
    "leaderboard_bars": leaderboard_bars,
    "loss_curves": loss_curves,
    "skill_intervals": skill_intervals,
    "step_profile": step_profile,
}
