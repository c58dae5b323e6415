"""The statistical baselines: a family in a file, its rows beside it; `table` has them all."""
