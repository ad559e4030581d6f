"""Chords set out in voices, and the bass line below them. Door: :mod:`.voicing`."""
