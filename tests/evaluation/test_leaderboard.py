import polars as pl
import pytest
from polars.testing import assert_frame_equal

from forecasting.evaluation.leaderboard import leaderboard

KINDS = {"gru": "recurrent", "seasonal_naive": "baseline", "ets": "baseline"}
SECONDS = pl.DataFrame(
    {
        "model": list(KINDS),
        "n_parameters": [5, 0, 0],
        "fit_seconds": [9.0, 0.0, 0.0],
        "predict_seconds": [1.0, 2.0, 3.0],
    }
)


def scores_of(values: dict[str, list[float | None]], metric: str = "mase") -> pl.DataFrame:
    """One series for each position, one cutoff."""
    rows = [("run", m, f"s{i}", 5, metric, v, None) for m, vs in values.items() for i, v in enumerate(vs)]
    schema = {"run_id": pl.String, "model": pl.String, "unique_id": pl.String, "cutoff": pl.Int64}
    return pl.DataFrame(rows, {**schema, "metric": pl.String, "value": pl.Float64, "reason": pl.String}, orient="row")


def example() -> pl.DataFrame:
    mase = {"gru": [0.5, 0.7, 9.0], "seasonal_naive": [1.0, 1.0, 9.0], "ets": [0.7, 0.9, None]}
    return pl.concat([scores_of(mase), scores_of({m: [0.1, 0.2, 0.3] for m in KINDS}, "wql")])


def test_models_are_compared_on_pairs_that_all_of_them_have() -> None:
    table = leaderboard(example(), KINDS, SECONDS, "mase")
    assert table["model"].to_list() == ["gru", "ets", "seasonal_naive"]
    assert table["mase"].to_list() == pytest.approx([0.6, 0.8, 1.0])
    assert table["wql"].to_list() == pytest.approx([0.2, 0.2, 0.2])
    assert table["n_scores"].to_list() == [2, 2, 2]


def test_skill_is_one_minus_the_ratio_to_the_reference() -> None:
    table = leaderboard(example(), KINDS, SECONDS, "mase")
    assert table["skill_seasonal_naive"].to_list() == pytest.approx([0.4, 0.2, 0.0])
    assert table["skill_best_baseline"].to_list() == pytest.approx([0.25, 0.0, -0.25])


def test_the_columns_are_those_of_the_contract() -> None:
    table = leaderboard(example(), KINDS, SECONDS, "mase")
    skills = ["skill_seasonal_naive", "skill_best_baseline"]
    stands = ["low", "high", "win_rate", "mean_rank", "tied"]
    last = ["n_scores", "n_fallback", "n_parameters", "fit_seconds", "predict_seconds"]
    assert table.columns == ["rank", "model", "kind", "mase", "wql", *skills, *stands, *last]
    assert table.row(0)[:3] == (1, "gru", "recurrent")
    assert table.row(0)[-2:] == (9.0, 1.0)


def test_ties_are_ordered_by_name_whatever_the_order_of_rows() -> None:
    scores = scores_of({"b": [1.0, 1.0], "a": [1.0, 1.0], "c": [0.5, 1.5]})
    kinds = dict.fromkeys("abc", "baseline")
    seconds = SECONDS.clear()
    table = leaderboard(scores, kinds, seconds, "mase")
    assert table["model"].to_list() == ["a", "b", "c"]
    assert_frame_equal(leaderboard(scores.reverse(), kinds, seconds, "mase"), table)


def test_without_a_common_pair_or_a_reference_values_are_null() -> None:
    table = leaderboard(scores_of({"ets": [None, 1.0], "gru": [1.0, None]}), KINDS, SECONDS, "mase")
    assert table["mase"].to_list() == [None, None]
    assert table["skill_seasonal_naive"].to_list() == [None, None]
    assert table["n_scores"].to_list() == [0, 0]
    assert table["rank"].to_list() == [1, 2]


def test_a_perfect_reference_gives_no_skill() -> None:
    table = leaderboard(scores_of({"seasonal_naive": [0.0], "gru": [1.0]}), KINDS, SECONDS, "mase")
    assert table["skill_seasonal_naive"].to_list() == [None, None]


def test_forecasts_by_the_fallback_are_shown_where_they_were_counted() -> None:
    table = leaderboard(example(), KINDS, SECONDS, "mase", n_fallback={"gru": 1, "ets": 0})
    assert table.select("model", "n_fallback").rows() == [("gru", 1), ("ets", 0), ("seasonal_naive", None)]


def test_a_model_without_a_kind_or_scored_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="must have a kind"):
        leaderboard(example(), {"gru": "recurrent"}, SECONDS, "mase")
    with pytest.raises(ValueError, match="one value for each model"):
        leaderboard(pl.concat([example(), example()]), KINDS, SECONDS, "mase")
