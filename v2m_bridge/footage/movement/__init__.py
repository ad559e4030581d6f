"""Sudden movements of the picture: contacts and onsets. Door: :mod:`.onsets`."""
