"""The only place that knows MLflow: finished results are projected into it, models are registered and read back."""

from forecasting.environment import quiet

quiet()  # MLflow decides on its telemetry when it is imported, which every module here does after this line
