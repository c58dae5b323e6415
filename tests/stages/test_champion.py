"""The pointer to the champion, damaged."""

from pathlib import Path

import pytest

from forecasting.errors import InputError
from forecasting.stages.champion import read_champion
from forecasting.stages.paths import Paths


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Expecting property name"),
        ("", "Expecting value"),
        ("[]", "missing or not as it was written: the whole"),
        ('{"model": 7}', "missing or not as it was written: model, kind"),
    ],
)
def test_a_damaged_pointer_is_named_with_what_is_wrong_in_it_and_the_way_out(
    tmp_path: Path, text: str, said: str
) -> None:
    paths = Paths(tmp_path, "mine")
    paths.champion.parent.mkdir(parents=True)
    paths.champion.write_text(text)
    with pytest.raises(InputError, match=r"remove it and promote again$") as refused:
        read_champion(paths)
    assert said in str(refused.value)
    assert "validation error" not in str(refused.value)
