"""From a plan, a form and the player's network to the notes of theme, counterline and texture. Door: :mod:`.play_film`."""
