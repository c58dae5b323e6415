"""`forecast config`: every key in the terminal, a schema that knows the shipped configs, a resolved config that runs as it is."""

import io
import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from forecasting.cli import app
from forecasting.config import Config, load_config, parse_config
from forecasting.config_keys import keys_of, sections
from forecasting.reporting.config_terminal import resolved, schema, show_reference

CONFIGS = sorted(Path("configs").rglob("*.yaml"))
SCHEMA = json.loads(schema())


def shown(key: str | None) -> str:
    """What a terminal of 80 columns shows."""
    console = Console(file=io.StringIO(), width=80)
    show_reference(console, key)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_all_keys_are_shown_within_80_columns():
    text = shown(None)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert all(f"{name}  " in text for _, settings in sections(Config) for name in keys_of(settings))


def test_one_key_says_type_default_null_and_example():
    text = " ".join(shown("evaluation.step_size").split())
    assert text == (
        "evaluation step_size a whole number or null; default null Periods from one cutoff to the next. "
        "null: the horizon. For example step_size: 7"
    )


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_schema_knows_every_shipped_config(path):
    validator = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)
    assert [*validator.iter_errors(yaml.safe_load(path.read_text(encoding="utf-8")))] == []


def test_the_schema_refuses_an_unknown_key_and_explains_the_known_ones():
    raw = yaml.safe_load(CONFIGS[-1].read_text(encoding="utf-8"))
    with pytest.raises(jsonschema.ValidationError, match="horizn"):
        jsonschema.validate({**raw, "task": {"horizon": 3, "horizn": 3}}, SCHEMA)
    assert SCHEMA["$defs"]["TaskConfig"]["properties"]["horizon"]["description"] == "Periods to forecast, at least 1."


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_resolved_config_is_the_same_config(path):
    config = load_config(path)
    assert parse_config(yaml.safe_load(resolved(config))) == config


def test_the_command_says_what_was_meant():
    run = CliRunner().invoke(app, ["config", "task.horizn"])
    assert "did you mean task.horizon?" in str(run.exception)
    assert "Periods to forecast" in CliRunner().invoke(app, ["config", "task.horizon"]).stdout
