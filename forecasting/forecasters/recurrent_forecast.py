"""From a batch of windows to forecasts in the unit of y. Axes: B windows, H horizon, Q quantile levels."""

from torch import Tensor

from forecasting.models.network import Network
from forecasting.windows.gather import Windows


def forecast_quantiles(network: Network, windows: Windows) -> Tensor:
    """Ascending quantiles at the levels of the network, float64; (B, H, Q)."""
    forecast = network.distribution(network(windows.inputs), windows.spread)
    return windows.unscale(forecast.quantiles(network.shape.quantile_levels))
