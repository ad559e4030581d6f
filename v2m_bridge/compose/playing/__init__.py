"""From a plan, a form and the player's network to theme, counterline and texture. Door: :mod:`.score_lines`."""
