"""Cuts, fades, dissolves, wipes and slides found in the picture. Door: :mod:`.gradual`."""
