"""Data set, training, evaluation and baselines."""
