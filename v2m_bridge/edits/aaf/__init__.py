"""Avid's AAF, read by a process of its own. Door: :mod:`.read_aaf`."""
