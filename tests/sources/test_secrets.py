"""A whole run on a database with a password, then a search for the password in everything that the run wrote or printed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from tests.conftest import tiny_config
from tests.sources import postgres
from tests.sources.test_postgres import execute

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(postgres.binaries() is None, reason="PostgreSQL is not installed"),
]

SALES = """create table sales as
    select 'shop_' || s as shop, date '2024-01-01' + d as day, (10 * s + d % 7 + (s * d * 37) % 11 + 0.5)::numeric as sold
    from generate_series(1, 8) s, generate_series(0, 119) d"""
FORMS = [form.encode() for form in (postgres.PASSWORD, quote(postgres.PASSWORD, safe=""), quote(postgres.PASSWORD))]


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.running() as server:
        execute(server, SALES)
        yield server


def written_config(server: postgres.Server, workspace: Path, **source: str) -> Path:
    url = f"postgresql://{postgres.USER}:${{SHOP_PASSWORD}}@{server.place}"
    columns = {"unique_id": "shop", "ds": "day", "y": "sold"}
    data = {"source": {"kind": "sql", "url": url, "columns": columns, **source}, "freq": "1d", "season_length": 7}
    path = workspace.parent / "tiny.yaml"
    path.write_text(yaml.safe_dump(tiny_config(workspace, data=data)))
    return path


def forecast(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "forecasting.cli", *map(str, arguments)]
    return subprocess.run(command, env=os.environ | {"SHOP_PASSWORD": postgres.PASSWORD}, capture_output=True)


def holding(folder: Path, texts: list[bytes]) -> list[Path]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [file for file in files if any(text in file.read_bytes() for text in texts)]


def test_a_run_leaves_no_secret_behind(server: postgres.Server, workspace: Path):
    config = written_config(
        server, workspace, query="select * from sales where day >= :since", parameters={"since": "2024-01-01"}
    )
    done = forecast("run", config)
    assert done.returncode == 0, done.stderr.decode()
    assert holding(workspace, FORMS) == []
    assert not any(form in done.stdout + done.stderr for form in FORMS)
    assert holding(workspace, [b"${SHOP_PASSWORD}"]), "the stored config names the variable"


def test_a_run_that_fails_tells_no_secret_either(server: postgres.Server, workspace: Path):
    config = written_config(server, workspace, query="select shop, day, 1 / (sold - sold) as sold from sales")
    done = forecast("run", config)
    assert done.returncode == 2, done.stderr.decode()
    assert b"division by zero" in done.stdout + done.stderr
    assert not any(form in done.stdout + done.stderr for form in FORMS)
    assert holding(workspace, FORMS) == []
