import math

import pytest

from forecasting.figures.labels import interval, number, percent


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.12345, "0.123"),
        (1.0, "1.00"),
        (9.999, "10.0"),
        (-12.345, "-12.3"),
        (1234.5, "1,230"),
        (0.00012345, "0.000123"),
        (0.0, "0"),
        (1.5e12, "1.50e+12"),
        (2e-9, "2.00e-09"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_numbers_have_three_significant_digits(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_skills_are_signed_percentages() -> None:
    assert [percent(v) for v in (0.1234, -0.05, 0.0, None)] == ["+12.3 %", "-5.0 %", "+0.0 %", "–"]


def test_the_interval_is_the_outermost_one() -> None:
    assert interval((0.025, 0.1, 0.5, 0.9, 0.975)) == 0.95
    assert interval((0.5,)) is None
    assert interval(()) is None
