"""Every key of the config says what it means, and a mistake at any of them is told in this project's words."""

import re

import pytest
import yaml

from forecasting.config import Config, Data, parse_config
from forecasting.config_keys import is_settings, keys_of, options, sections
from forecasting.errors import InputError
from forecasting.forecasters.recurrent.settings import EncodingSettings, RecurrentSettings
from forecasting.models.cells import CELLS
from forecasting.models.decoders.autoregressive import SAMPLING_SCHEDULES
from forecasting.models.encodings import ENCODINGS
from forecasting.models.heads import HEADS
from forecasting.models.topologies import TOPOLOGIES
from forecasting.reporting.config_reference import Row, looked_up, reference
from forecasting.series.arrays.calendar import CALENDAR
from forecasting.sources.builtin import DATASETS, BuiltinSource
from forecasting.training.losses import LOSSES
from forecasting.windows.residuals import RESIDUALS
from forecasting.windows.scalers import SCALERS
from forecasting.windows.transforms import TRANSFORMS

SECTIONS = list(sections(Config))
KEYS = [(place, settings, key) for place, settings in SECTIONS for key in keys_of(settings).values()]
ROWS = [row for section in reference() for row in section.rows]
ENTRIES = {  # the least that an entry of a list or a kind of source needs
    "forecasters": {"name": "gru"},
    "baselines": {"kind": "ets"},
    "blends": {"name": "both", "members": ["ets", "naive"]},
    "tuning.space": {"low": 16, "high": 64},
    "csv": {"kind": "csv", "path": "x.csv"},
    "parquet": {"kind": "parquet", "path": "x.parquet"},
    "delta": {"kind": "delta", "path": "x"},
    "sql": {"kind": "sql", "url": "postgresql://db/x", "table": "t"},
    "tsf": {"kind": "tsf", "path": "x.tsf"},
    "builtin": {"kind": "builtin", "name": "co2"},
    "simulated": {"kind": "simulated"},
    "data.aggregate": {"y": "mean"},
}
WRONG = {"text": "\N{SNOWMAN}", "list": [[1]], "mapping": {"snow": 1}, "null": None, "switch": True, "negative": -7}
BESIDE = {  # what an example needs beside it
    "data.source (csv).decimal_comma": "data.source.delimiter=;",
    "data.source (sql).parameters": "data.source.query=select * from t where day > :since",
    "data.quality.snap": "data.freq=1h",
    "forecasters[].strategy": "forecasters.0.topology=many_to_one",
    "forecasters[].scheduled_sampling": "forecasters.0.decoder=autoregressive",
    "forecasters[].encoding.length": "forecasters.0.encoding.kind=segments",
    "forecasters[].forget_gate": "forecasters.0.cell=slstm",
    "forecasters[].recurrent_blocks": "forecasters.0.cell=slstm",
}
PYDANTIC = re.compile(
    r"Input should|valid (integer|number|string|list|dict|boolean|tuple)|instance of|Extra inputs|Field required|type=|String should|Value error"
)


def raw_with(place: str, name: str, value: object) -> dict[str, object]:
    """A small config in which `name` at `place` (a path of the reference) is `value`, and nothing else is remarkable."""
    raw: dict[str, object] = {
        "name": "five",
        "data": {"source": {"kind": "builtin", "name": "fertility"}, "freq": 1, "season_length": 1},
        "task": {"horizon": 3},
    }
    path, _, kind = place.partition(" (")
    at: dict[str, object] = raw
    known = ""
    for part in filter(None, path.split(".")):
        known = f"{known}.{part.removesuffix('[]')}".removeprefix(".").removesuffix(".KEY")
        entry = dict(ENTRIES.get(kind.rstrip(")") if known == "data.source" else known, {}))
        if part.endswith("[]"):
            below = at.setdefault(part[:-2], [entry])[0]
        elif part == "KEY":
            below = at.setdefault("hidden_size", entry)
        else:
            below = entry if entry and known in ("data.source", "data.aggregate") else at.get(part, {})
            at[part] = below
        at = below
    at[name] = value
    return raw


@pytest.mark.parametrize(("place", "settings", "key"), KEYS, ids=lambda v: getattr(v, "name", None))
def test_every_key_says_what_it_means_and_what_null_becomes(place, settings, key):
    assert key.meaning.text, f"{settings.__name__}.{key.name} has no meaning: write one below it"
    assert bool(key.meaning.null) == key.nullable, (
        f"{settings.__name__}.{key.name}: say what null becomes, where it may be"
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.path)
def test_every_key_that_is_not_a_section_has_an_example(row: Row):
    key = next(key for place, settings, key in KEYS if (f"{place}.{key.name}".lstrip(".")) == row.path)
    nested = any(is_settings(o) or "list of mappings" in row.takes for o in options(key.takes))
    assert row.example or nested or row.name in ("data", "task")


def refs(raw: dict[str, object], row: Row) -> dict[str, object]:
    """What an example names must be there: members, and the networks that are tuned."""
    names = {"gru_many_to_one", "gru_encoder_decoder"}
    if row.path in ("blends", "tuning.forecasters") or row.path.startswith("blends"):
        raw["forecasters"] = [{"name": name} for name in sorted(names)]
    return raw


@pytest.mark.parametrize("row", [row for row in ROWS if row.example], ids=lambda row: row.path)
def test_every_example_is_accepted(row: Row):
    place = row.path.removesuffix(row.name).removesuffix(".")
    raw = refs(raw_with(place, row.name, yaml.safe_load(row.example)), row)
    section, _, last = BESIDE.get(row.path, "").rpartition(".")
    if section:
        at = raw
        for part in section.split("."):
            at = at[int(part)] if part.isdigit() else at[part]
        key, _, value = last.partition("=")
        at[key] = yaml.safe_load(value)
    if row.path.endswith(("(sql).query", "(sql).parameters")):
        del raw["data"]["source"]["table"]
        raw["data"]["source"]["parameters"] = {"since": 1}
    if row.path == "tuning.space.KEY.choices":
        raw["tuning"]["space"]["hidden_size"] = {"choices": yaml.safe_load(row.example)}
    assert isinstance(parse_config(raw), Config)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(
    ("place", "settings", "key"), KEYS, ids=lambda v: v if isinstance(v, str) else getattr(v, "name", None)
)
def test_a_wrong_value_is_refused_in_our_words_and_names_its_key(place, settings, key, wrong):
    try:
        parse_config(raw_with(place, key.name, WRONG[wrong]))
    except InputError as error:
        message = str(error)
        assert not PYDANTIC.search(message), message
        assert key.name in message or place.split("[")[0].split(" ")[0].split(".")[-1] in message, message
        assert ", got " in message, message
        assert ": " in message.split(", got ")[-1], message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"blends": 3}, r"^blends must be a list of mappings or auto, got 3: set blends$"),
        (
            {"blends": [{"naem": "x", "members": ["ets", "naive"]}]},
            r"got blends\.0\.naem: did you mean blends\.0\.name\?",
        ),
        (
            {"evaluation": {"refit": "soon"}},
            r"^evaluation\.refit must be true or false or a whole number, got 'soon': set",
        ),
        ({"baselines": [3]}, r"^baselines\.0 must be a mapping of keys to values, got 3"),
        ({"baselines": "ets"}, r"^baselines must be a list of mappings, got 'ets'"),
        ({"baselines": [{"kind": ["ets"]}]}, r"^baselines\.0\.kind must be text, got \[\"ets\"\]"),
        ({"forecasters": ["gru"]}, r"^forecasters\.0 must be a mapping of keys to values, got 'gru'"),
        ({"forecasters": [{"name": "x", "training": {"schedule": "cosin"}}]}, r"got 'cosin': did you mean cosine\?"),
        ({"seed": -1}, r"^seed must be at least 0, got -1: set seed$"),
        ({"name": "../x"}, r"^name must be 1 to 100 letters, digits, .*, got '\.\./x': set name$"),
        ({"task": None}, r"^task must be a mapping of keys to values, got null: set task$"),
    ],
)
def test_the_form_of_a_refusal(change, message):
    raw = {"name": "five", "data": {"source": {"kind": "builtin", "name": "co2"}, "freq": "1w", "season_length": 52}}
    with pytest.raises(InputError, match=message):
        parse_config({**raw, "task": {"horizon": 3}, **change})


def test_a_key_is_looked_up_as_a_person_types_it():
    [section] = looked_up("forecasters.0.cell")
    assert [row.path for row in section.rows] == ["forecasters[].cell"]
    assert len(looked_up("data.source.path")) == 4
    assert [section.path for section in looked_up("forecasters")] == [
        "forecasters[]",
        "forecasters[].encoding",
        "forecasters[].training",
    ]
    with pytest.raises(InputError, match=r"got 'task\.horizn': did you mean task\.horizon\?"):
        looked_up("task.horizn")


@pytest.mark.parametrize(
    ("settings", "name", "table"),
    [
        (RecurrentSettings, "cell", CELLS),
        (RecurrentSettings, "topology", TOPOLOGIES),
        (RecurrentSettings, "head", HEADS),
        (RecurrentSettings, "loss", LOSSES),
        (RecurrentSettings, "transform", TRANSFORMS),
        (RecurrentSettings, "scaling", SCALERS),
        (RecurrentSettings, "residual", RESIDUALS),
        (RecurrentSettings, "sampling_schedule", SAMPLING_SCHEDULES),
        (EncodingSettings, "kind", ENCODINGS),
        (BuiltinSource, "name", DATASETS),
        (Data, "calendar", CALENDAR),
    ],
    ids=lambda v: v if isinstance(v, str) else None,
)
def test_a_meaning_that_lists_names_lists_them_all(settings, name, table):
    said = re.findall(r"\w+", keys_of(settings)[name].meaning.text)
    assert set(table) - set(said) == set()
