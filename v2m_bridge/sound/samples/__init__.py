"""Sampled instruments: plays General MIDI sound fonts. Door: :mod:`.player`."""
