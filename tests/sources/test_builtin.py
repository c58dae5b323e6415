import subprocess
import sys
from datetime import date

import polars as pl
import pytest

from forecasting.errors import InputError
from forecasting.sources import BuiltinSource
from forecasting.sources.builtin import DATASETS

SHAPES = {  # series, rows, first and last ds, observed y
    "fertility": (219, 219 * 52, 1960, 2011, 10284),
    "co2": (1, 2284, date(1958, 3, 29), date(2001, 12, 29), 2225),
    "elnino": (1, 61 * 12, date(1950, 1, 1), date(2010, 12, 1), 732),
    "macrodata": (12, 12 * 203, date(1959, 1, 1), date(2009, 7, 1), 12 * 203),
    "sunspots": (1, 309, 1700, 2008, 309),
}


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_has_the_size_that_its_source_states(name: str):
    frame = BuiltinSource(name).read()
    found = (
        frame["unique_id"].n_unique(),
        frame.height,
        frame["ds"].min(),
        frame["ds"].max(),
        frame["y"].drop_nulls().len(),
    )
    assert found == SHAPES[name]
    assert frame.schema["y"] == pl.Float64


def test_nine_countries_without_any_value_are_still_there():
    frame = BuiltinSource("fertility").read()
    empty = frame.group_by("unique_id").agg(pl.col("y").count()).filter(pl.col("y") == 0)
    assert empty.height == 9
    assert frame.filter(pl.col("unique_id") == "Aruba").row(0) == ("Aruba", 1960, 4.82, "ABW")


def test_first_values_are_those_of_the_files():
    assert BuiltinSource("co2").read().row(0) == ("co2", date(1958, 3, 29), 316.1)
    assert BuiltinSource("elnino").read().row(1) == ("elnino", date(1950, 2, 1), 24.2)
    assert BuiltinSource("macrodata").read().row(1) == ("realgdp", date(1959, 4, 1), 2778.801)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(InputError, match=r"co2, elnino, fertility, macrodata, sunspots, got 'air'"):
        BuiltinSource("air")


def test_reading_does_not_import_statsmodels():
    code = (
        "import sys; from forecasting.sources import BuiltinSource; BuiltinSource('co2').read(); "
        "sys.exit('statsmodels' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
