"""What a network forecasts from every step of a window, where every step is an origin (many_to_many): for the leak check.

In training each step is asked for its own horizon, so what lies after a step in the same window must not reach it: not
by the network, nor by the scale of the window.
"""

import numpy as np
import torch

from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster
from forecasting.forecasters.recurrent.windows import spec_of
from forecasting.series.arrays.series_arrays import FloatArray, Origins, SeriesArrays
from forecasting.training.devices import exact
from forecasting.windows.gather import gather


def step_forecasts(forecaster: RecurrentForecaster, arrays: SeriesArrays, origins: Origins) -> FloatArray | None:
    """Quantiles in the unit of y from each step of the windows that end at the origins, oldest step first; (O, T, H, Q).

    Null for a network that has one origin per window.
    """
    resolved, inputs, network = forecaster.resolved, forecaster.inputs, forecaster.network
    if resolved is None or inputs is None or network is None:
        raise ValueError(f"{forecaster.name} must be fitted or loaded before its windows can be looked at")
    spec = spec_of(resolved, forecaster.task, inputs)
    if not spec.every_step:
        return None
    with exact(forecaster.device), torch.no_grad():
        panel = inputs.panel(arrays, forecaster.device)
        series, row = (torch.from_numpy(x).to(panel.device) for x in (origins.series, origins.row))
        windows = gather(panel, series, row, spec, all_origins=True)
        made = network.distribution(network(windows.inputs), windows.spread)
        return np.asarray(windows.unscale(made.quantiles(forecaster.task.quantile_levels)).cpu().numpy())
