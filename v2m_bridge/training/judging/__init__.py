"""Metrics, baselines and tables; knows songs, not how networks are trained. Door: :mod:`.metrics`."""
