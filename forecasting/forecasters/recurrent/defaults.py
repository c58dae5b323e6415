"""What a null in a recurrent forecaster's settings becomes: it adapts to season, horizon, lengths and number of series.

Only rows up to `until` are looked at. The rules are coarse on purpose: a few more rows must not change the recipe. Each
was chosen on inner cutoffs of seven public sets, never by their hold-outs; the figures beside the rules are errors there.
"""

from dataclasses import replace

import numpy as np

from forecasting.errors import InputError
from forecasting.forecasters.protocol import Task
from forecasting.forecasters.recurrent.character import Character, character_of
from forecasting.forecasters.recurrent.inputs import last_rows
from forecasting.forecasters.recurrent.settings import EncodingSettings, RecurrentSettings
from forecasting.models.heads import head_of
from forecasting.models.topologies import topology_of
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays
from forecasting.training.losses import default_loss
from forecasting.training.settings import TrainingSettings
from forecasting.windows.scalers import PANEL
from forecasting.windows.transforms import transform_of

_LONGEST_CONTEXT = 1024
_LONGEST_SEGMENT = 24
FIRM_SEASON = 0.5  # of `Character.season_error`
_WIDE = 0.4  # of `Character.variation`


def resolve_settings(
    settings: RecurrentSettings, task: Task, arrays: SeriesArrays, until: Origins
) -> RecurrentSettings:
    """`settings` with every null replaced by a value that fits the task and the rows up to `until`.

    InputError where the transform cannot take a y of these rows.
    """
    observed = arrays.n_observed(until)
    observed = observed[observed > 0]
    median = int(np.median(observed)) if len(observed) else 0
    topology = topology_of(settings.topology)
    min_history = settings.min_history
    if min_history is None:
        min_history = _min_history(task, median) if topology.needs_history else 0
    n_origins = int(np.maximum(observed - task.horizon - min_history + 1, 0).sum())
    found = character_of(arrays, until, task.season_length, n_origins)
    settings = replace(settings, transform=_transform(settings, arrays, until))
    segment = _segment_length(settings.encoding, task)
    # one network has one context; an ensemble resolved as a whole gets its first member's
    context_length = settings.context_length or next(
        iter(settings.context_lengths), _context_length(task, found.history, segment)
    )
    residual = settings.residual or _residual(settings, task, found)
    training = _training(settings.training, found, task.horizon, segment, every_step=topology.every_step)
    return replace(
        settings,
        strategy=settings.strategy or topology.strategies[0],
        context_length=context_length,
        context_lengths=[],
        encoding=EncodingSettings("segments", min(segment, context_length)) if segment > 1 else EncodingSettings(),
        hidden_size=settings.hidden_size or _hidden_size(found.n_origins, segment, settings.recurrent_blocks),
        loss=settings.loss or default_loss(settings.head),
        scaling=settings.scaling or _scaling(settings, found, residual),
        residual=residual,
        min_history=min_history,
        training=replace(training, bptt_length=training.bptt_length or context_length),
    )


def _transform(settings: RecurrentSettings, arrays: SeriesArrays, until: Origins) -> str:
    """log1p where every y can be taken and the head leaves it free; InputError for a given one that cannot take a y."""
    if settings.transform is None and head_of(settings.head).of_counts:
        return "none"
    name = settings.transform or "log1p"
    least = transform_of(name).least
    known = np.arange(len(arrays.y)) <= np.repeat(last_rows(arrays, until), np.diff(arrays.offsets))
    below = np.flatnonzero(known & (arrays.y < least))
    if not len(below):
        return name
    if settings.transform is None:
        return "none"
    series = arrays.ids[int(np.searchsorted(arrays.offsets, below[0], side="right")) - 1]
    raise InputError(
        f"y must be at least {least:g} for transform {name}, got {arrays.y[below[0]]:g} in series {series} "
        f"({len(below)} such values in all): set transform of forecaster {settings.name} to asinh, or to none"
    )


def _scaling(settings: RecurrentSettings, found: Character, residual: str) -> str:
    """By mean and standard deviation of the window; by its mean size where series of no negative y vary widely.

    There effects multiply, and it is another view of the series, as good on tourism (1.93 against 1.95 MASE, 2.11 against
    2.09). Where they vary little around a high level movements would become tiny numbers: 1.39 against 0.91 on m4_hourly.
    """
    if not topology_of(settings.topology).needs_history:
        return PANEL
    multiplies = found.non_negative and found.variation > _WIDE and settings.transform == "none"
    return "mean_abs" if _unmoved(settings) or (multiplies and residual == "seasonal_naive") else "standard"


def _unmoved(settings: RecurrentSettings) -> bool:
    """Nothing is taken off or added: it would break counts, and differences are summed up anyway."""
    return head_of(settings.head).of_counts or transform_of(settings.transform or "none").lag != "none"


def _residual(settings: RecurrentSettings, task: Task, found: Character) -> str:
    """The newest value of the same season where the season repeats firmly, else the mean of the newest season.

    A season that does not repeat firmly hands the noise of single values on to every step: 0.66 against 0.71 MSE on etth1,
    1.54 against 1.60 MAE on epf_np; where it does (m4_hourly) its value is the better start, 0.87 against 1.12 MASE.
    """
    if _unmoved(settings) or not topology_of(settings.topology).needs_history:
        return "none"
    if task.season_length < 2 or found.history < 2 * task.season_length:
        return "last_value"
    return "seasonal_naive" if found.season_error < FIRM_SEASON else "season_mean"


def _min_history(task: Task, history: int) -> int:
    """Ten values say little enough; a season and two where there is one, but half of a usual history at most."""
    wanted = max(10, task.season_length + 2 if task.season_length > 1 else 0)
    return max(3, min(wanted, history // 2))


def _segment_length(given: EncodingSettings, task: Task) -> int:
    """A season, or a part of it that fits in evenly; 1 is step by step."""
    if given.kind == "steps":
        return 1
    if given.length is not None:
        return given.length
    m = task.season_length
    if m <= _LONGEST_SEGMENT:
        return m
    fits = max(n for n in range(1, _LONGEST_SEGMENT + 1) if m % n == 0)
    return fits if fits >= 4 else 12


def _context_length(task: Task, history: int, segment: int) -> int:
    """Two seasons, or two horizons, so that a season or a trend can be seen; half of a usual history at most.

    Read in segments, a longer window costs little: seven seasons (a week of hours) where they are a fifth of a usual
    history, eight horizons where they are a tenth: 0.658 against 0.665 MSE with 720 against 336 hours on etth1. Whole
    segments; short series gain nothing from longer windows.
    """
    m = task.season_length if task.season_length > 1 else 0
    wanted = max(2 * m, 2 * task.horizon, 12)
    if segment > 1:
        wanted = max(wanted, min(7 * m, history // 5), min(8 * task.horizon, history // 10))
    length = max(4, min(wanted, history // 2, _LONGEST_CONTEXT))
    return max(segment, length // segment * segment)


def _hidden_size(n_origins: int, segment: int, n_blocks: int) -> int:
    """Few windows bear few weights. Of many, read in segments, more is learnt: on m4_hourly OWA 0.52, 0.48 and 0.46 with
    64, 128 and 256 units; 192 cost half the seconds of 256. Rounded up to as many units in each block.
    """
    if segment == 1:
        size = 32 if n_origins < 3_000 else 64 if n_origins < 100_000 else 96
    else:
        size = 32 if n_origins < 10_000 else 64 if n_origins < 100_000 else 128 if n_origins < 250_000 else 192
    return -(-size // n_blocks) * n_blocks


def _training(
    given: TrainingSettings, found: Character, horizon: int, segment: int, *, every_step: bool
) -> TrainingSettings:
    """200 to 1,500 steps of 64 to 256 windows; each window of many_to_many holds many origins, so it takes fewer."""
    n = found.n_origins
    few = n < 3_000
    by_steps = 64 if few else 128 if n < 100_000 else 256
    batch_size = given.batch_size or (64 if every_step else by_steps if segment == 1 else 64 if few else 256)
    by_steps = 300 if few else 600 if n < 30_000 else 1_500
    max_steps = given.max_steps or (by_steps if segment == 1 else _steps_of_segments(found, horizon))
    valid_every = given.valid_every or max(1, max_steps // 20)
    return replace(given, max_steps=max_steps, batch_size=batch_size, valid_every=min(valid_every, max_steps))


def _steps_of_segments(found: Character, horizon: int) -> int:
    """Segments learn in fewer steps, and what is short, or little, by heart.

    With a prototype 300 steps beat 600 on series of 100 values, 600 beat 1,500 on 300; on etth1, 630 horizons end to end
    in 7 series, 200 and 600 steps gave an MSE of 0.66 and 0.90.
    """
    if found.n_origins < 3_000 or found.history < 150:
        return 300
    if found.n_origins < 1_000 * horizon:
        return 200
    return 600 if found.n_origins < 100_000 else 1_000
