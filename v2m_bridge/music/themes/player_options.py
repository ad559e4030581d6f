"""What a user may ask of the player. Apart from it, so that ``--help`` need not load it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from v2m_bridge.option_fields import Option

PLAYED, FIGURES = "player", "figures"


@dataclass(frozen=True)
class PlayerOptions:
    """Who invents the notes between the chords."""

    texture: Annotated[
        str,
        Option(
            "Who writes chords, bass and figure: the player, learnt from people, or the table of figures.",
            label="Texture by",
            choices=(PLAYED, FIGURES),
        ),
    ] = PLAYED
    themes: Annotated[
        bool,
        Option(
            "Whether there are themes and what goes with them, the parts melody and counter.",
            flag="--with-theme/--no-theme",
            label="Themes",
        ),
    ] = True
    theme: Annotated[
        str | None,
        Option("MIDI file with a theme of your own, developed over the film.", label="Own theme", example="theme.mid"),
    ] = None
    theme_at: Annotated[
        str | None,
        Option(
            "Timecode at which the theme is first heard, in the bar that lies nearest.",
            label="Theme first at",
            unset="Where the form puts it",
            example="01:00:12:00",
        ),
    ] = None
