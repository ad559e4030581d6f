"""The player: a network learnt from people that writes notes over given beats and chords. Door: :mod:`.decoding`."""
