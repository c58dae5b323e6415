"""Many histories at once are what each origin may see by itself."""

import numpy as np
import pytest

from forecasting.forecasters.baselines._histories import histories
from forecasting.series.arrays import Origins
from tests.series.examples import arrays_of, numbered


@pytest.mark.parametrize("longest", [None, 4])
def test_each_history_is_what_its_origin_sees_also_inside_a_gap(longest):
    values = {"a": [1.0, 2.0, None, None, 8.0, 3.0, 5.0], "b": [4.0, None, 6.0, 9.0, None, 1.0]}
    arrays = arrays_of(numbered(values))
    row = np.array([r for first, n in zip(arrays.offsets, (7, 6), strict=False) for r in range(first, first + n)])
    series = np.repeat([0, 1], [7, 6])
    batch = histories(arrays, Origins(series, row, np.zeros_like(row)), longest)
    for i, (s, r) in enumerate(zip(series, row, strict=True)):
        alone = arrays.history(int(s), int(r))[-(longest or 99) :]
        np.testing.assert_array_equal(batch.values_N[batch.starts[i] : batch.starts[i + 1]], alone)
