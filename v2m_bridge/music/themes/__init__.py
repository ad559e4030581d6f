"""Themes: short melodies, how singable they are, what becomes of them at returns. Door: :mod:`.schedule`."""
