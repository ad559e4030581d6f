"""Exact rates, timecode and the tempo map (standard library only)."""
