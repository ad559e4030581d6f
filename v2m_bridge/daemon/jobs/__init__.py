"""Jobs and where they are kept. Doors: :mod:`.job`, :mod:`.store`."""
