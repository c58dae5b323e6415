"""Settings and jobs with more than four fields are built by keywords: a field more, or moved, changes no call's meaning."""

import dataclasses
import importlib
import inspect
import pkgutil

import pytest

import forecasting
from forecasting.config import Config
from forecasting.config_keys import sections
from forecasting.results import Job

MANY, BY_PLACE = 4, 1  # fields; of them, at most so many (its name, kind or path) may go without a keyword


def of_many_fields() -> list[type]:
    for module in pkgutil.walk_packages(forecasting.__path__, "forecasting."):
        importlib.import_module(module.name)
    jobs, todo = set[type](), [Job]
    while todo:
        jobs |= {*(below := todo.pop().__subclasses__())}
        todo += below
    settings = {kind for _, kind in sections(Config)}
    kinds = [kind for kind in jobs | settings if dataclasses.is_dataclass(kind)]
    own = [kind for kind in kinds if kind.__module__.startswith("forecasting.")]
    return sorted((kind for kind in own if len(dataclasses.fields(kind)) > MANY), key=lambda kind: kind.__qualname__)


@pytest.mark.parametrize("kind", of_many_fields(), ids=lambda kind: kind.__name__)
def test_it_is_built_by_keywords(kind: type) -> None:
    by_place = [p.name for p in inspect.signature(kind).parameters.values() if p.kind is not p.KEYWORD_ONLY]
    assert len(by_place) <= BY_PLACE, by_place


def test_there_are_settings_and_jobs_to_look_at() -> None:
    names = {kind.__name__ for kind in of_many_fields()}
    assert {"RecurrentSettings", "TrainingSettings", "CsvSource", "FitJob"} <= names
