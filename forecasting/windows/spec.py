"""How windows are cut and scaled: the settings that the parts of this folder share."""

from dataclasses import dataclass

N_STEP_INPUTS = 3  # every step carries y, its first difference and whether it was observed, before covariates


@dataclass(frozen=True)
class WindowSpec:
    """`every_step`: the network forecasts from each step (many_to_many), so nothing may read beyond its own step."""

    context_length: int
    horizon: int
    season_length: int
    scaling: str
    residual: str
    every_step: bool = False
    transform: str = "none"
    panel: tuple[float, float] = (0.0, 1.0)  # level and spread of f(y) over all series, for scaling panel
    needs_history: bool = True  # a window without any known y cannot be used
