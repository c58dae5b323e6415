"""Where everything of a pipeline lies below its workspace."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """`<workspace>/<pipeline name>/` holds the tables and results; MLflow's, Optuna's and Prefect's state is shared beside it."""

    workspace: Path
    name: str

    @property
    def root(self) -> Path:
        """All that is this pipeline's own."""
        return self.workspace.absolute() / self.name

    @property
    def lock(self) -> Path:
        """Held by the one process that may write."""
        return self.root / ".lock"

    @property
    def results(self) -> Path:
        """Finished results of jobs."""
        return self.root / "results"

    @property
    def forecast_cache(self) -> Path:
        """Forecasts of baselines, by the history that they were made from."""
        return self.root / "forecast_cache"

    @property
    def champion(self) -> Path:
        """Pointer to the served version, for when MLflow cannot be asked."""
        return self.root / "champion.json"

    @property
    def latest(self) -> Path:
        """What the dashboard shows of the newest run."""
        return self.root / "latest.json"

    def run(self, run_id: str) -> Path:
        """Report, summary and resolved config of one run."""
        return self.root / "runs" / run_id

    def table(self, name: str) -> Path:
        """A Delta table: series, quarantine, backtest, scores, step_scores, forecasts, realised."""
        return self.root / name

    @property
    def optuna(self) -> str:
        """Default storage URL of the studies."""
        return f"sqlite:///{self.workspace.absolute() / 'optuna.db'}"
