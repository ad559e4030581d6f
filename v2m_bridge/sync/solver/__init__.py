"""The search for the tempo map: lattice, beam search, smoothing. Door: :mod:`.search`."""
