"""The finished score and the writers of its files: JSON, MIDI, CSV, cue sheet. Door: :mod:`.model`."""
