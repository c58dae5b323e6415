"""Sample paths as a table: whole futures of each series, for sums over the horizon and other questions quantiles leave open."""

from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting.errors import InputError
from forecasting.forecasters.protocol import Forecaster
from forecasting.models.heads import heads_where
from forecasting.processes import Progress
from forecasting.schema import CUTOFF, DS, UNIQUE_ID, Y
from forecasting.series.arrays.series_arrays import FloatArray, Origins, SeriesArrays

PATH = "path"


@runtime_checkable
class DrawsPaths(Protocol):
    """A forecaster that can draw: paths (O, H, N) in the unit of y, and which origins it could serve (O,)."""

    def sample_paths(
        self, arrays: SeriesArrays, origins: Origins, n_paths: int, on_progress: Progress
    ) -> tuple[FloatArray, npt.NDArray[np.bool_]]: ...


def sample_rows(
    forecaster: Forecaster, arrays: SeriesArrays, origins: Origins, n_paths: int, on_progress: Progress
) -> pl.DataFrame:
    """unique_id, cutoff, ds, path (from 1), y, sorted; series that cannot be forecast have no rows.

    The same seed, series and cutoff give the same paths, whatever else is asked for. InputError where the forecaster
    cannot draw.
    """
    if n_paths < 1:
        raise InputError(f"at least one path must be asked for, got {n_paths}: set --paths")
    if not isinstance(forecaster, DrawsPaths):
        raise InputError(
            f"sample paths need a network that can draw, got {forecaster.name}: name one with --forecaster, with strategy "
            f"recursive, decoder autoregressive, or head {heads_where(lambda head: head.has_density)}"
        )
    drawn, usable = forecaster.sample_paths(arrays, origins, n_paths, on_progress)
    able = origins.take(usable)
    (O, H), N = (len(able), drawn.shape[1]), n_paths
    rows = np.arange(O)
    return pl.DataFrame(
        {
            UNIQUE_ID: pl.Series(arrays.ids, dtype=pl.String).gather(np.repeat(able.series, N * H)),
            CUTOFF: arrays.ds.gather(np.repeat(able.row, N * H)),
            DS: arrays.future_ds(able, H).gather((rows[:, None, None] * H + np.tile(np.arange(H), (N, 1))).ravel()),
            PATH: np.tile(np.repeat(np.arange(1, N + 1, dtype=np.int64), H), O),
            Y: drawn[usable].transpose(0, 2, 1).ravel(),
        }
    ).sort(UNIQUE_ID, CUTOFF, PATH, DS)
