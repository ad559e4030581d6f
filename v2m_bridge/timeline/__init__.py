"""The edit: shots, cuts, markers, and the hits that the music should land on. Doors: :mod:`.model`, :mod:`.hits`."""
