"""A table of stages that cost nothing: each notes itself in `<workspace>/notes.txt` and does what `do` says of it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from forecasting.schema import IngestSummary, ReportSummary
from forecasting.series.arrays.dataset import Dataset
from forecasting.series.table.store import Version
from forecasting.stages.ingest import Ingested
from forecasting.stages.plan import Plan, reading_of
from forecasting.stages.table import STAGES, Options, Stage, Table, table_of

RUN_ID = "0123456789abcdef"
Deed = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class StubStage(Stage):
    """A stage that needs the first one at most."""

    deed: Deed | None = field(default=None)

    def chosen(self, options: Options) -> Callable[..., Any]:
        def first(plan: Plan) -> Any:
            self._do(plan)
            return ingested(plan)

        def later(plan: Plan, data: Ingested) -> Any:
            self._do(plan)
            return ReportSummary(path=self.name, published=0)

        return first if self.gives == "data" else later

    def _do(self, plan: Plan) -> None:
        notes = plan.config.workspace / "notes.txt"
        note(notes, self.name)
        try:
            if self.deed is not None:
                self.deed()
        except BaseException as error:
            note(notes, type(error).__name__)
            raise


def stub_table(do: Mapping[str, Deed] | None = None) -> Table:
    """The real table with stages that do as told."""
    return table_of(
        *(
            StubStage(name=stage.name, gives=stage.gives, in_run=stage.in_run, deed=(do or {}).get(stage.name))
            for stage in STAGES.values()
        )
    )


def ingested(plan: Plan) -> Ingested:
    """No data at all."""
    version = Version(0, "0" * 64, 0, 0)
    summary = IngestSummary(
        n_input=0,
        n_quarantined=0,
        account=[],
        n_series=0,
        n_rows=0,
        n_observed=0,
        first="",
        last="",
        version=0,
        digest=version.digest,
    )
    dataset = Dataset(plan.paths.root, 0, reading_of(plan.config, pl.Date()), version.digest)
    return Ingested(
        version=version, dataset=dataset, ds_type=pl.Date(), quarantine=pl.DataFrame(), run_id=RUN_ID, summary=summary
    )


def note(notes: Path, text: str) -> None:
    with notes.open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")


def noted(workspace: str | Path) -> list[str]:
    """What has been noted so far."""
    path = Path(workspace) / "notes.txt"
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def sleep_long() -> None:
    time.sleep(900)  # longer than a test may take
