"""What a null in a recurrent forecaster's settings becomes: it adapts to season, horizon, lengths and number of series.

Only rows up to `until` are looked at. The rules are coarse on purpose: a few more rows must not change the recipe. They
were chosen on inner cutoffs: `standard` did better than `last_value` as scaler on yearly trending series, for nearly every
cell and topology; the seasonal naive did better than the last value as base on hourly, daily and short monthly series (on
one long weekly series, CO2, the last value did better: set `residual` there). Where the transform takes differences, they
are summed up from the newest value, and the mean step of a window is no good guess of the steps to come: on random walks
intervals around such a drift were 40 % too wide 24 steps ahead, around the last value 1 %.
"""

from dataclasses import dataclass, replace

import numpy as np

from forecasting.errors import InputError
from forecasting.forecasters.encoding import last_rows
from forecasting.forecasters.protocol import Task
from forecasting.forecasters.recurrent_settings import RecurrentSettings
from forecasting.models.topologies import topology_of
from forecasting.series.arrays import Origins, SeriesArrays
from forecasting.training.losses import default_loss
from forecasting.training.settings import TrainingSettings
from forecasting.windows.scalers import PANEL
from forecasting.windows.transforms import transform_of

_LONGEST_CONTEXT = 512


@dataclass(frozen=True)
class Size:
    """What the defaults go by: median observed values per series, and training targets' origins in all."""

    history: int
    n_origins: int


def resolve_settings(
    settings: RecurrentSettings, task: Task, arrays: SeriesArrays, until: Origins
) -> RecurrentSettings:
    """`settings` with every null replaced by a value that fits the task and the rows up to `until`.

    InputError where the transform cannot take a y of these rows.
    """
    _require_transformable(settings, arrays, until)
    observed = arrays.n_observed(until)
    observed = observed[observed > 0]
    history = int(np.median(observed)) if len(observed) else 0
    needs_history = topology_of(settings.topology).needs_history
    min_history = settings.min_history
    if min_history is None:
        min_history = _min_history(task, history) if needs_history else 0
    size = Size(history, int(np.maximum(observed - task.horizon - min_history + 1, 0).sum()))
    seasonal = task.season_length > 1 and history >= 2 * task.season_length
    context_length = settings.context_length or _context_length(task, history)
    training = _training(settings.training, size, every_step=topology_of(settings.topology).every_step)
    return replace(
        settings,
        strategy=settings.strategy or topology_of(settings.topology).strategies[0],
        context_length=context_length,
        hidden_size=settings.hidden_size or _hidden_size(size),
        loss=settings.loss or default_loss(settings.head),
        scaling=settings.scaling or _scaling(settings),
        residual=settings.residual or _residual(settings, seasonal=seasonal),
        min_history=min_history,
        training=replace(training, bptt_length=training.bptt_length or context_length),
    )


def _require_transformable(settings: RecurrentSettings, arrays: SeriesArrays, until: Origins) -> None:
    least = transform_of(settings.transform).least
    known = np.arange(len(arrays.y)) <= np.repeat(last_rows(arrays, until), np.diff(arrays.offsets))
    below = np.flatnonzero(known & (arrays.y < least))
    if len(below):
        series = arrays.ids[int(np.searchsorted(arrays.offsets, below[0], side="right")) - 1]
        raise InputError(
            f"y must be at least {least:g} for transform {settings.transform}, got {arrays.y[below[0]]:g} in series {series} "
            f"({len(below)} such values in all): set transform of forecaster {settings.name} to asinh, or to none"
        )


def _scaling(settings: RecurrentSettings) -> str:
    if not topology_of(settings.topology).needs_history:
        return PANEL
    return "mean_abs" if _unmoved(settings) else "standard"


def _unmoved(settings: RecurrentSettings) -> bool:
    """Nothing is taken off or added: it would break counts, and differences are summed up anyway."""
    return settings.head == "negative_binomial" or transform_of(settings.transform).lag != "none"


def _residual(settings: RecurrentSettings, *, seasonal: bool) -> str:
    if _unmoved(settings) or not topology_of(settings.topology).needs_history:
        return "none"
    return "seasonal_naive" if seasonal else "last_value"


def _min_history(task: Task, history: int) -> int:
    """Ten values say little enough; a season and two where there is one, but half of a usual history at most."""
    wanted = max(10, task.season_length + 2 if task.season_length > 1 else 0)
    return max(3, min(wanted, history // 2))


def _context_length(task: Task, history: int) -> int:
    """Two seasons, or two horizons, so that a season or a trend can be seen; half of a usual history at most."""
    wanted = max(2 * task.season_length if task.season_length > 1 else 0, 2 * task.horizon, 12)
    return max(4, min(wanted, history // 2, _LONGEST_CONTEXT))


def _hidden_size(size: Size) -> int:
    """Few windows bear few weights: 32 below 3,000 origins, 64 below 100,000, else 96."""
    return 32 if size.n_origins < 3_000 else 64 if size.n_origins < 100_000 else 96


def _training(given: TrainingSettings, size: Size, *, every_step: bool) -> TrainingSettings:
    """300 to 1,500 steps of 64 to 512 windows; each window of many_to_many holds many origins, so it takes fewer."""
    few = size.n_origins < 3_000
    batch_size = given.batch_size or (64 if few or every_step else 128 if size.n_origins < 100_000 else 256)
    max_steps = given.max_steps or (300 if few else 600 if size.n_origins < 30_000 else 1_500)
    valid_every = given.valid_every or max(1, max_steps // 20)
    return replace(given, max_steps=max_steps, batch_size=batch_size, valid_every=min(valid_every, max_steps))
