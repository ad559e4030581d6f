"""Many edits at once. Door: :mod:`.run`."""
