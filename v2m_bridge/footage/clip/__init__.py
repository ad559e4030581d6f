"""CLIP on the footage: what is seen and how it feels. Doors: :mod:`.encoder`, :mod:`.seeing`."""
