"""Who plays when, and what everybody does before, on and after a must-hit. Door: :mod:`.orchestrate`."""
