"""`forecast config`: the reference in a terminal, the JSON schema for editors, and a config with all its defaults as YAML."""

import json
from collections.abc import Iterable
from typing import Any

import yaml
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from forecasting.config import Config
from forecasting.config_keys import keys_of, sections
from forecasting.forecasters.baselines.table import BASELINES
from forecasting.reporting.config_reference import Row, Section, looked_up, reference

_WIDEST = 100  # columns: longer lines are hard to read


def show_reference(console: Console, key: str | None) -> None:
    """Print the whole reference, or what `key` means; InputError for an unknown key."""
    console.width = min(console.width, _WIDEST)
    for section in looked_up(key) if key else reference():
        for line in _lines(section):
            console.print(line)


def schema() -> str:
    """The JSON schema of a config file, with the meaning of every key: an editor completes and explains by it."""
    made = Config.model_json_schema()
    for _, settings in sections(Config):
        described = made["$defs"][settings.__name__] if settings is not Config else made
        described["additionalProperties"] = False
        for name, key in keys_of(settings).items():
            null = f" Null: {key.meaning.null}" if key.meaning.null else ""
            described["properties"][name]["description"] = key.meaning.text + null
    _allow_short_forms(made)
    return json.dumps(made, indent=2)


def resolved(config: Config) -> str:
    """A config with every default in it, as YAML that can be run as it is."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


def _allow_short_forms(made: dict[str, Any]) -> None:
    """A baseline may be a name alone, and an aggregation the word for `y`."""
    items = made["properties"]["baselines"]
    items["items"] = {"anyOf": [{"enum": sorted(BASELINES)}, items["items"]]}
    made["$defs"]["Data"]["properties"]["aggregate"]["anyOf"].insert(0, {"enum": ["sum", "mean"]})


def _lines(section: Section) -> Iterable[Text | Padding]:
    yield Text(section.title, style="bold")
    if section.about:
        yield Padding(Text(section.about, style="dim"), (0, 0, 0, 2))
    for row in section.rows:
        yield Padding(_head(row), (0, 0, 0, 2))
        yield Padding(Text(_body(row)), (0, 0, 0, 6))
    yield Text()


def _head(row: Row) -> Text:
    default = "required" if row.default == "required" else f"default {row.default}"
    return Text.assemble((row.name, "bold cyan"), f"  {row.takes}; {default}")


def _body(row: Row) -> str:
    null = f" null: {row.null}" if row.null else ""
    example = f" For example {row.name}: {row.example}" if row.example else ""
    return row.meaning + null + example
