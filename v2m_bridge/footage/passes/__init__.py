"""Decode passes: over a whole film, and over the takes that an edit uses. Doors: :mod:`.film`, :mod:`.take_meter`."""
