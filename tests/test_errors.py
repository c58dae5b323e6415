"""Words of the errors that a user can meet."""

import pytest

from forecasting.errors import nearest, unknown


@pytest.mark.parametrize(
    ("value", "way_out"),
    [
        ("hiden_size", "did you mean hidden_size? set tuning.space"),
        ("zzz", ": set tuning.space"),
        (7, ": set tuning.space"),
    ],
)
def test_a_failed_look_up_names_what_was_most_likely_meant(value: object, way_out: str) -> None:
    message = str(unknown("a key", value, ["hidden_size", "n_layers"], "tuning.space"))
    assert message.startswith(f"a key must be one of hidden_size, n_layers, got {value!r}: ")
    assert message.endswith(way_out)


def test_the_nearest_name_is_none_where_all_are_far() -> None:
    assert nearest("horizn", ["season", "horizon"]) == "horizon"
    assert nearest("qqq", ["season", "horizon"]) is None
