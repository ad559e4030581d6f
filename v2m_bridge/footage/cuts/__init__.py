"""Cuts, fades and dissolves found in the picture. Doors: :mod:`.hard`, :mod:`.transitions`."""
