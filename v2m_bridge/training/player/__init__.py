"""Training and judging of the player. Doors: :mod:`.fitting` and :mod:`.judging`."""
