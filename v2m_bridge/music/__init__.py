"""Chords, keys, emotions, voicing and arrangement. Door: :mod:`.arrange`."""
