"""CLIP on the footage: content and emotion of every second. Doors: :mod:`.encoder`, :mod:`.batcher`."""
