"""Chords, keys, emotions, voicing and arrangement."""
