import optuna
import pytest

from forecasting.errors import InputError
from forecasting.tuning.space import Distribution, apply, suggest


def test_each_kind_of_distribution_is_suggested_within_its_range():
    space = {
        "hidden_size": Distribution(low=16, high=64, log=True),
        "training.learning_rate": Distribution(low=1e-3, high=1e-2, log=True),
        "scaling": Distribution(choices=("standard", "last_value")),
        "dropout": Distribution(low=0.0, high=0.4, step=0.2),
    }
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(20):
        values = suggest(study.ask(), space)
        assert isinstance(values["hidden_size"], int)
        assert 16 <= values["hidden_size"] <= 64
        assert 1e-3 <= values["training.learning_rate"] <= 1e-2
        assert values["scaling"] in ("standard", "last_value")
        assert values["dropout"] in (0.0, 0.2, 0.4)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"low": 1},
        {"low": 2, "high": 1},
        {"low": 1, "high": 2, "choices": (1,)},
        {"low": 0.0, "high": 1.0, "log": True},
    ],
)
def test_a_range_that_cannot_be_searched_is_refused(wrong):
    with pytest.raises(InputError, match=r"set tuning\.space"):
        Distribution(**wrong)


def test_suggested_values_reach_nested_settings_and_leave_the_original_alone():
    settings = {"hidden_size": 8, "training": {"learning_rate": 0.1, "batch_size": 4}}
    changed = apply(settings, {"hidden_size": 16, "training.learning_rate": 0.2})
    assert changed == {"hidden_size": 16, "training": {"learning_rate": 0.2, "batch_size": 4}}
    assert settings["training"]["learning_rate"] == 0.1
