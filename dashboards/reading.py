"""What a pipeline left in its workspace, read and never written: `latest.json` and the Delta tables.

Rows are read lazily with the filter pushed down to the files, and kept by table version: a new commit is seen at the
next click, an old one is never read twice.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import streamlit as st
from deltalake import DeltaTable

from forecasting.schema import UNIQUE_ID, Latest


@dataclass(frozen=True)
class Pipeline:
    """The stored state of one pipeline below `workspace/name`."""

    workspace: Path
    name: str

    @property
    def folder(self) -> Path:
        """Where its tables lie."""
        return self.workspace / self.name

    def latest(self) -> Latest | None:
        """`latest.json` of the last finished run; None before there is one, and where the next run must make it anew."""
        path = self.folder / "latest.json"
        if not path.exists():
            return None
        try:
            return Latest.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):  # pydantic's own error is a ValueError
            return None

    def version(self, table: str) -> int | None:
        """The newest version of a table, or None where it does not exist yet."""
        path = str(self.folder / table)
        return DeltaTable(path).version() if DeltaTable.is_deltatable(path) else None

    def series_ids(self) -> list[str]:
        """All series, sorted; empty before data came in."""
        version = self.version("series")
        return [] if version is None else _ids(str(self.folder / "series"), version)

    def rows(self, table: str, unique_id: str | None = None, run_id: str | None = None) -> pl.DataFrame | None:
        """Rows of a table, of one series and one run where these are given; None where the table does not exist yet."""
        version = self.version(table)
        return None if version is None else _rows(str(self.folder / table), version, unique_id, run_id)


@st.cache_data(show_spinner=False, max_entries=8)
def _ids(table: str, version: int) -> list[str]:
    ids = pl.scan_delta(table, version=version).select(pl.col(UNIQUE_ID).unique().sort()).collect()
    return ids[UNIQUE_ID].to_list()


@st.cache_data(show_spinner=False, max_entries=64)
def _rows(table: str, version: int, unique_id: str | None, run_id: str | None) -> pl.DataFrame:
    rows = pl.scan_delta(table, version=version)
    if unique_id is not None:
        rows = rows.filter(pl.col(UNIQUE_ID) == unique_id)
    if run_id is not None:
        rows = rows.filter(pl.col("run_id") == run_id)
    return rows.collect()
