"""Sudden movements: contacts and onsets. Door: :mod:`.onsets`."""
