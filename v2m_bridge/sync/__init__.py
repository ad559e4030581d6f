"""From hits to a tempo map, and from the tempo map to harmonic slots. Doors: :mod:`.motion`, :mod:`.slots`."""
