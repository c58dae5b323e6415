"""Covariates: scaled from what a fit may know, unknown ones in a place of their own."""

import numpy as np

from forecasting.windows.covariates import encode_all, fit_scaler, fit_vocabulary


def test_numbers_are_scaled_by_the_rows_that_were_known_and_an_unknown_one_becomes_the_mean():
    values = np.array([[1.0], [3.0], [np.nan], [1000.0]])
    scaler = fit_scaler(values, np.array([True, True, True, False]))
    assert (scaler.mean, scaler.spread) == ((2.0,), (1.0,))
    assert scaler.apply(values)[:, 0].tolist() == [-1, 1, 0, 998]


def test_a_column_that_never_moves_or_is_never_known_stays_finite():
    values = np.array([[5.0, np.nan], [5.0, np.nan], [6.0, 4.0]])
    scaler = fit_scaler(values, np.array([True, True, False]))
    assert scaler.apply(values).tolist() == [[0, 0], [0, 0], [1, 4]]


def test_a_category_that_was_not_there_in_the_fit_falls_into_the_unknown_bucket():
    texts = np.array(["b", "a", "", "late"], dtype=object)
    vocabulary = fit_vocabulary(texts, np.array([True, True, True, False]))
    assert vocabulary.values == ("a", "b")
    assert len(vocabulary) == 3
    assert encode_all((vocabulary,), texts[:, None])[:, 0].tolist() == [2, 1, 0, 0]
