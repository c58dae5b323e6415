import re

import polars as pl

from forecasting.evaluation.metrics import labels_of
from forecasting.figures.table import in_order, leaderboard_table

BOARD = pl.DataFrame(
    {
        "rank": [1, 2, 3],
        "model": ["gru", "ets", "naive"],
        "kind": ["recurrent", "baseline", "baseline"],
        "mase": [0.81234, 0.9, None],
        "coverage": [0.6, 0.85, 0.99],
        "bias": [-3.0, 2.0, -0.5],
        "skill_naive": [0.2, 0.1, 0.0],
        "n_fallback": [0, 0, 1234],
    }
)

LABELS = labels_of(BOARD.columns)


def cells(table: str) -> list[list[str]]:
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", table)[1:]
    return [[re.sub("</?(td|span)[^>]*>", "", cell) for cell in re.findall(r"<td.*?</td>", row)] for row in rows]


def test_numbers_are_rounded_the_best_is_bold_and_what_is_missing_is_a_dash() -> None:
    table = cells(leaderboard_table(BOARD, LABELS, nominal=0.8))
    assert table[0] == ["1", "gru", "network", "<b>0.812</b>", "0.600", "-3.00", "<b>+20.0 %</b>", "0"]
    assert table[1] == ["2", "ets", "baseline", "0.900", "<b>0.850</b>", "2.00", "+10.0 %", "0"]
    assert table[2] == ["3", "naive", "baseline", "–", "0.990", "<b>-0.500</b>", "+0.0 %", "1,234"]


def test_the_champion_is_marked_once() -> None:
    table = leaderboard_table(BOARD, LABELS, champion="ets")
    assert table.count('<tr class="champion">') == 1
    assert cells(table)[1][1] == "etschampion"


def test_a_board_of_one_model_has_no_best() -> None:
    assert "<b>" not in leaderboard_table(BOARD.head(1), LABELS, nominal=0.8)


def test_without_a_nominal_level_no_coverage_is_called_best() -> None:
    assert "<b>" not in "".join(row[4] for row in cells(leaderboard_table(BOARD, LABELS)))


def test_names_are_escaped() -> None:
    table = leaderboard_table(BOARD.with_columns(model=pl.lit('<img src=x onerror="hack()">')), LABELS)
    assert "<img" not in table
    assert "&lt;img src=x onerror=&quot;hack()&quot;&gt;" in table


def test_columns_come_in_the_order_of_reading_whatever_order_they_were_stored_in() -> None:
    shuffled = BOARD.select(sorted(BOARD.columns))
    assert in_order(shuffled, LABELS).columns == BOARD.columns
    assert leaderboard_table(shuffled, LABELS) == leaderboard_table(BOARD, LABELS)


def test_equal_values_are_not_called_best() -> None:
    assert "<b>" not in leaderboard_table(BOARD.select("model", "kind", mase=1.0), labels_of(["mase"]))


def test_a_column_that_nobody_knows_is_no_metric() -> None:
    assert "minutes" not in leaderboard_table(BOARD.with_columns(minutes=1.0), LABELS)


def test_no_width_is_called_best_for_being_near_the_level_of_the_interval() -> None:
    board = BOARD.select("model", "kind", width=pl.Series([0.8, 2.0, 9.0]))
    assert "<b>" not in leaderboard_table(board, labels_of(board.columns), nominal=0.8)
