"""``preview.wav``. Door: :mod:`.write_preview`."""
