"""The wiring of the stages: each value that one asks for is of the type that another gives; options explain themselves."""

import inspect
import typing

import pytest

from forecasting.errors import InputError
from forecasting.reporting.sentences import sentence
from forecasting.schema import StageSummary
from forecasting.stages.plan import Plan
from forecasting.stages.promote import Registry
from forecasting.stages.table import STAGES, chain_to, needs

FUNCTIONS = [
    (stage, stage.chosen({option: True} if option else {}))
    for stage in STAGES.values()
    for option in (None, *stage.variants)
]
GIVEN = {"plan": Plan, "registry": Registry}


def gives(function) -> type:
    return typing.get_type_hints(function)["return"]


@pytest.mark.parametrize(("stage", "function"), FUNCTIONS, ids=lambda one: getattr(one, "__name__", one.__class__))
def test_what_a_stage_asks_for_is_what_an_earlier_one_gives(stage, function):
    names = list(STAGES)
    makers = {made.gives: made for made in STAGES.values()}
    hints = typing.get_type_hints(function)
    for name in needs(function):
        if name in GIVEN:
            assert hints[name] is GIVEN[name]
            continue
        assert names.index(makers[name].name) < names.index(stage.name)
        assert hints[name] is gives(makers[name].chosen({}))


@pytest.mark.parametrize(("stage", "function"), FUNCTIONS, ids=lambda one: getattr(one, "__name__", one.__class__))
def test_every_stage_returns_one_frozen_value_with_a_summary_that_has_a_sentence(stage, function):
    made = gives(function)
    summary = made if issubclass(made, StageSummary) else typing.get_type_hints(made)["summary"]
    assert issubclass(made, StageSummary) or made.__dataclass_params__.frozen
    assert sentence.dispatch(summary) is not sentence.dispatch(object)
    assert sentence.dispatch(summary) is not sentence.dispatch(StageSummary)


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_options_on_the_command_line_are_the_keyword_only_parameters_each_with_its_line(stage):
    takes = {
        name
        for option in (None, *stage.variants)
        for name, p in inspect.signature(stage.chosen({option: True} if option else {})).parameters.items()
        if p.kind is p.KEYWORD_ONLY
    }
    assert {option.name for option in stage.options} == takes | set(stage.variants)
    assert all(option.help for option in stage.options)
    assert stage.summary.endswith(".")


def test_a_chain_holds_what_is_needed_and_no_more():
    def names(target, **options):
        return [step.stage.name for step in chain_to(target, options, STAGES)]

    assert names(None) == [name for name in STAGES if name != "monitor"]
    assert names("train") == ["ingest", "window", "tune", "train"]
    assert names("predict") == names("predict", dry_run=True) == ["ingest", "predict"]
    assert names("predict", forecaster="all") == ["ingest", "window", "tune", "train", "predict"]
    assert names("report") == names(None)
    assert names("promote", rollback=True) == ["promote"]
    assert names("monitor") == ["ingest", "monitor"]
    assert [step.writes for step in chain_to("ingest", {"dry_run": True}, STAGES)] == [False]


def test_an_unknown_stage_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="ingest"):
        chain_to("digest", {}, STAGES)


@pytest.mark.parametrize(
    ("stage", "options", "message"),
    [
        ("predict", {"forecaster": "all", "model": "models:/a@champion"}, "--model does not go with --forecaster"),
        ("predict", {"forecaster": "all", "dry_run": True}, "--dry-run does not go with --forecaster"),
        ("predict", {"forecaster": "all", "paths": 5}, "got --paths alone: add --output FILE"),
        ("backtest", {"horizon": 3}, "an option of backtest must be one of output, got 'horizon'"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything_is_done(stage, options, message):
    with pytest.raises(InputError, match=message):
        chain_to(stage, options, STAGES)
