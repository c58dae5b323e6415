"""The saved state of a baseline: its settings, since it is fitted to each series when it forecasts."""

from dataclasses import dataclass

from pydantic import JsonValue

from forecasting.forecasters.baselines.forecaster import LocalForecaster
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.protocol import Task
from forecasting.results import Job, Making, write_json
from forecasting.schema import Nothing


@dataclass(frozen=True, kw_only=True)
class BaselineJob(Job[Nothing]):
    """Write the state folder of one baseline."""

    kind = "serve"
    outcome = Nothing

    settings: BaselineSettings
    task: Task
    serving: dict[str, JsonValue]

    @property
    def here(self) -> bool:
        """It writes two small files."""
        return True

    def make(self, making: Making) -> Nothing:
        """The state folder."""
        LocalForecaster(self.settings, self.task, 1).save(making.folder / "state")
        write_json(making.folder / "state" / "serving.json", self.serving)
        return Nothing()
