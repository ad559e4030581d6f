"""How a score sounds. Door: :mod:`.preview.write_preview`."""
