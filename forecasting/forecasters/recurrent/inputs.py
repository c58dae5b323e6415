"""What a network learns about covariates before training: scalers and vocabularies; and the panel made with them.

Comes in: `SeriesArrays` and the rows that a fit may know. Goes out: `FittedInputs`, saved with the forecaster, and `Panel`.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from forecasting.errors import InputError
from forecasting.models.heads import heads_where
from forecasting.series.arrays.series_arrays import IntArray, Origins, SeriesArrays
from forecasting.windows.covariates import (
    CovariateScaler,
    Vocabulary,
    encode_all,
    fit_scaler,
    fit_vocabulary,
)
from forecasting.windows.panel import Panel, build_panel
from forecasting.windows.transforms import transform_of

KINDS = ("static_numeric", "static_categories", "past", "known_future")


@dataclass(frozen=True)
class FittedInputs:
    """Covariates by name, a scaler for each numeric kind, a vocabulary for each categorical static covariate."""

    names: dict[str, list[str]]
    static_numeric: CovariateScaler
    past: CovariateScaler
    known_future: CovariateScaler
    vocabularies: tuple[Vocabulary, ...]
    target: CovariateScaler  # of f(y) over all series, for scaling panel

    def panel(self, arrays: SeriesArrays, device: torch.device) -> Panel:
        """The arrays as tensors on `device`; InputError where their covariates are not the ones of the fit."""
        given = names_of(arrays)
        if given != self.names:
            raise InputError(
                f"covariates must be those of the fit, {_shown(self.names)}, got {_shown(given)}: "
                "set data.covariates and data.calendar as in the fit, or fit again"
            )
        return build_panel(
            arrays.offsets,
            arrays.full,
            causal=arrays.causal,
            next_observed=arrays.next_observed,
            past=self.past.apply(arrays.past),
            known_future=self.known_future.apply(arrays.known_future),
            static_numeric=self.static_numeric.apply(arrays.static_numeric),
            static_categories=encode_all(self.vocabularies, arrays.static_categories),
            device=device,
        )

    def to_json(self) -> dict[str, Any]:
        """Names, scalers and vocabularies as JSON values."""
        return {
            "names": self.names,
            "covariate_scalers": {k: asdict(getattr(self, k)) for k in ("static_numeric", "past", "known_future")},
            "target_scaler": asdict(self.target),
            "vocabularies": [list(v.values) for v in self.vocabularies],
        }


def inputs_from_json(values: dict[str, Any]) -> FittedInputs:
    """The inverse of `FittedInputs.to_json`."""
    scalers = {
        kind: CovariateScaler(tuple(s["mean"]), tuple(s["spread"])) for kind, s in values["covariate_scalers"].items()
    }
    target = values["target_scaler"]
    return FittedInputs(
        values["names"],
        **scalers,
        vocabularies=tuple(Vocabulary(tuple(v)) for v in values["vocabularies"]),
        target=CovariateScaler(tuple(target["mean"]), tuple(target["spread"])),
    )


def fit_inputs(arrays: SeriesArrays, until: Origins, transform: str = "none") -> FittedInputs:
    """Scalers and vocabularies from rows up to `until`; a series without an origin there teaches nothing."""
    last = last_rows(arrays, until)
    rows = np.arange(len(arrays.y)) <= np.repeat(last, np.diff(arrays.offsets))
    present: npt.NDArray[np.bool_] = last >= 0
    categories = arrays.static_categories
    return FittedInputs(
        names=names_of(arrays),
        static_numeric=fit_scaler(arrays.static_numeric, present),
        past=fit_scaler(arrays.past, rows),
        known_future=fit_scaler(arrays.known_future, rows),
        vocabularies=tuple(fit_vocabulary(categories[:, c], present) for c in range(categories.shape[1])),
        target=fit_scaler(transform_of(transform).forward(torch.from_numpy(arrays.y)).numpy()[:, None], rows),
    )


def require_counts(arrays: SeriesArrays, until: Origins, head: str) -> None:
    """InputError where an observed y up to `until` is negative or not whole."""
    rows = np.arange(len(arrays.y)) <= np.repeat(last_rows(arrays, until), np.diff(arrays.offsets))
    seen = arrays.y[rows & np.isfinite(arrays.y)]
    broken = seen[(seen < 0) | (seen != np.round(seen))]
    if len(broken):
        raise InputError(
            f"head {head} needs counts, got y {broken[0]:g} ({len(broken)} of {len(seen)} values are negative or "
            f"not whole): set head to {heads_where(lambda row: row.is_random and not row.of_counts)}"
        )


def last_rows(arrays: SeriesArrays, until: Origins) -> IntArray:
    """The last row that may be known of each series, -1 for series without an origin in `until`; (S,)."""
    last = np.full(arrays.n_series, -1, dtype=np.int64)
    last[until.series] = until.row
    return last


def names_of(arrays: SeriesArrays) -> dict[str, list[str]]:
    """Names of the covariates by kind, every kind present; nameless columns are numbered."""
    widths = {kind: getattr(arrays, kind).shape[1] for kind in KINDS}
    return {kind: [*arrays.names.get(kind, [f"{kind}_{i}" for i in range(width)])] for kind, width in widths.items()}


def _shown(names: dict[str, list[str]]) -> str:
    return "; ".join(f"{kind}: {', '.join(values)}" for kind, values in names.items() if values) or "none"
