"""Metrics, baselines and tables. Door: :mod:`.metrics`."""
