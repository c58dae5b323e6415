"""Covariates as a network takes them: numbers scaled to mean 0 and spread 1, categories as integers.

Both are fitted on rows that a fit may know, kept with the forecaster, and applied alike in training and in forecasting.
An unknown number becomes 0, the mean; an unknown category becomes 0, the bucket kept for it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Objects = npt.NDArray[np.object_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CovariateScaler:
    """Mean and spread of each column; a column without movement keeps spread 1."""

    mean: tuple[float, ...]
    spread: tuple[float, ...]

    def apply(self, values: Floats) -> npt.NDArray[np.float32]:
        """(values - mean) / spread in float32, 0 where a value is unknown; same shape (N, P)."""
        scaled = (values - np.array(self.mean)) / np.array(self.spread)
        return np.where(np.isfinite(scaled), scaled, 0.0).astype(np.float32)


def fit_scaler(values: Floats, known: npt.NDArray[np.bool_]) -> CovariateScaler:
    """Scaler of the columns of values (N, P), from the rows where known (N,) and the values that are finite."""
    mean, spread = [], []
    for column in range(values.shape[1]):
        seen = values[known, column]
        seen = seen[np.isfinite(seen)]
        centre = float(seen.mean()) if len(seen) else 0.0
        width = float(seen.std()) if len(seen) else 0.0
        moves = np.isfinite(width) and width > 1e-9 * max(abs(centre), 1e-30)
        mean.append(centre if np.isfinite(centre) else 0.0)
        spread.append(width if moves else 1.0)
    return CovariateScaler(tuple(mean), tuple(spread))


@dataclass(frozen=True)
class Vocabulary:
    """The known values of one categorical covariate, sorted; value i is encoded as i + 1, anything else as 0."""

    values: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values) + 1

    def encode(self, texts: Objects) -> Ints:
        """Codes of texts (S,); int64 (S,)."""
        codes = {value: i + 1 for i, value in enumerate(self.values)}
        return np.array([codes.get(text, 0) for text in texts], dtype=np.int64)


def fit_vocabulary(texts: Objects, known: npt.NDArray[np.bool_]) -> Vocabulary:
    """Vocabulary of texts (S,) where known (S,); an empty text is an unknown one."""
    return Vocabulary(tuple(sorted({str(text) for text in texts[known]} - {""})))


def encode_all(vocabularies: tuple[Vocabulary, ...], texts: Objects) -> Ints:
    """Codes of texts (S, C), one vocabulary per column; int64 (S, C)."""
    codes = np.zeros(texts.shape, dtype=np.int64)
    for column, vocabulary in enumerate(vocabularies):
        codes[:, column] = vocabulary.encode(texts[:, column])
    return codes
