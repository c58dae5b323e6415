"""Prefect around the pipeline; importing it sets what Prefect reads from the environment when it is imported."""

from forecasting.environment import quiet

quiet()
