"""Time-series forecasting with recurrent networks, promoted only when they beat the best statistical baseline."""

__version__ = "0.1.0"
