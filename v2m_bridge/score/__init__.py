"""The finished score (:mod:`.model`) and the writers of its files: JSON, MIDI, CSV, cue sheet."""
