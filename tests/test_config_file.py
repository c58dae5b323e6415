"""The file of a config as it stands, before anything heavy is loaded to check it."""

import subprocess
import sys
from pathlib import Path

import pytest

from forecasting.config import load_config
from forecasting.config_file import WORKSPACE, read_config, workspace_of
from forecasting.errors import InputError
from tests.test_layers import ROOT

SHIPPED = sorted((ROOT / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
@pytest.mark.parametrize("overrides", [[], ["workspace=elsewhere/deep"], ["seed=11"]])
def test_the_workspace_is_the_one_of_the_checked_config(path: Path, overrides: list[str]) -> None:
    assert workspace_of(read_config(path, overrides)) == load_config(path, overrides).workspace


@pytest.mark.parametrize("wrong", [None, 7, ["a"], ""])
def test_a_workspace_that_the_check_will_refuse_is_not_used(wrong: object) -> None:
    assert workspace_of({"workspace": wrong}) == WORKSPACE


def test_reading_it_loads_no_library_of_the_application() -> None:
    code = "import sys, forecasting.config_file, flows.own_server; print(*{'torch', 'polars', 'prefect'} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == ""


@pytest.mark.parametrize("override", ["forecasters=[1", "name='x", "task={horizon: 2"])
def test_a_value_that_is_no_yaml_is_refused_in_one_line(override: str) -> None:
    with pytest.raises(
        InputError, match=r"the value of an override must be YAML, got .*: quote or close it$"
    ) as refused:
        read_config(SHIPPED[0], [override])
    assert "\n" not in str(refused.value)
