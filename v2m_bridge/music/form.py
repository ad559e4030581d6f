"""The form of a piece: phrases with letters that return."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Phrase:
    """Some bars that belong together.

    Attributes:
        start_bar: number of its first bar, from 1, as ``TempoMap.bars`` numbers them.
        bars: how many.
        letter: ``"A"``, ``"B"``, ...; ``"i"`` intro, ``"x"`` bridge, ``"o"`` ending.
        occurrence: 0 the first time that the letter comes, then 1, 2, ...
        cadence: how it ends: ``"half"``, ``"full"``, ``"deceptive"``; None where it goes on.
    """

    start_bar: int
    bars: int
    letter: str
    occurrence: int
    cadence: str | None = None

    @property
    def main(self) -> bool:
        """Whether the phrase can carry a theme: it is neither intro, bridge nor ending."""
        return self.letter.isupper()


@dataclass(frozen=True)
class Form:
    """All phrases of a piece, in order, without gaps."""

    phrases: tuple[Phrase, ...]
