"""Strict stand-ins for other programs: they refuse what the real host would refuse."""
