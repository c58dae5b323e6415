"""A Delta table at its newest or at an older version: comes in a path or URI, goes out the long frame."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

import deltalake
import polars as pl
from deltalake.exceptions import DeltaError

from forecasting.errors import InputError
from forecasting.sources.files import first_fault
from forecasting.sources.long_frame import Layout, to_long, with_stamps
from forecasting.sources.places import Options, Place
from forecasting.sources.scan import HEAD_ROWS, KEYS, Recognised, Scan, fingerprint_of


@dataclass(frozen=True, kw_only=True)
class DeltaSource:
    """A Delta table at its newest or at an older version."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed
    looks_like: ClassVar[str] = "a Delta table"

    path: str = field(kw_only=False)
    """Folder or object-store URI of the Delta table. Example: lake/sales"""
    kind: Literal["delta"] = "delta"
    """The kind of source."""
    version: int | None = None
    """Number of the table version to read. Null: the newest, or the one at `timestamp`. Example: 12"""
    timestamp: datetime | None = None
    """Read the newest version that was there at this time, UTC where it has no zone. Null: the newest, or `version`.
    Example: 2024-06-01
    """
    columns: dict[str, str] = field(default_factory=dict)
    """Our column name -> the input's; what is not named keeps its name. Example: {unique_id: shop, ds: day, y: sold}"""
    layout: Layout = "long"
    """`long`: a row per series and stamp; `wide`: a column per series; `wide_rows`: a row per series, columns named by
    stamp. Example: wide
    """
    ds_format: str | None = None
    """strptime format of stamps that are text. Null: ISO 8601; anything else is refused. Example: '%d.%m.%Y'"""
    ignore: list[str] = field(default_factory=list)
    """Columns of a wide table that are no series. Example: [comment]"""
    storage_options: Options = field(default_factory=dict)
    """Options of the object store as polars and deltalake take them; secrets as ${NAME} of the environment. Example:
    {aws_region: eu-west-1}
    """

    def __post_init__(self) -> None:
        Place.require_no_secrets(self.path, self.storage_options)
        if self.version is not None and self.timestamp is not None:
            raise InputError(
                "a delta source goes back to a version or to a time, got both: set data.source.version or timestamp"
            )

    @classmethod
    def recognised(cls, place: str) -> Recognised | None:
        """A folder that holds a log of commits."""
        if not (Path(place).expanduser() / "_delta_log").is_dir():
            return None
        return Recognised({"path": place}, pl.scan_delta(str(Path(place).expanduser())).head(HEAD_ROWS).collect())

    def scan(self, needs: Sequence[str] = KEYS) -> Scan:
        """Open one version, which later commits leave alone; raises InputError for a table or version that is not there."""
        place = Place.resolved(self.path, self.storage_options)
        try:
            table = self._table(place)
            rows = pl.scan_delta(table, storage_options=place.texts or None)
            long = with_stamps(to_long(rows, self.layout, self.columns, self.ignore, needs), self.ds_format)
            identity = [table.metadata().id, table.version()]
            provenance = self._provenance(table)
        except (DeltaError, pl.exceptions.PolarsError, OSError, ValueError) as error:
            raise place.unreadable(error, "path, version, timestamp or storage_options") from None
        return Scan(
            long,
            fingerprint_of(asdict(self), identity, needs),
            provenance,
            lambda: first_fault({self.path: lambda: long}, "ds_format"),
        )

    def read(self, needs: Sequence[str] = KEYS) -> pl.DataFrame:
        """unique_id, ds, y and the table's further columns; raises InputError for what cannot be read."""
        return self.scan(needs).collect()

    def _table(self, place: Place) -> Any:
        table = deltalake.DeltaTable(place.uri, version=self.version, storage_options=place.texts or None)
        if self.timestamp is not None:
            wanted = self.timestamp if self.timestamp.tzinfo else self.timestamp.replace(tzinfo=UTC)
            first = _committed(table.history()[-1])
            if wanted < first:
                raise ValueError(f"the table's oldest version is of {first}, later than the timestamp {wanted}")
            table.load_as_version(wanted)
        return table

    def _provenance(self, table: Any) -> dict[str, Any]:
        files = pl.DataFrame(table.get_add_actions(flatten=True))
        return {
            "kind": self.kind,
            "path": self.path,
            "version": table.version(),
            "committed": str(_committed(table.history(1)[0])),
            "n_files": files.height,
            "bytes": int(files["size_bytes"].sum()),
            "n_rows": int(files["num_records"].sum()) if files["num_records"].null_count() == 0 else None,
        }


def _committed(commit: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(commit["timestamp"] / 1000, UTC)
