"""Themes and the lines of the player: written, developed at returns, given to instruments. Door: :mod:`.schedule`."""
