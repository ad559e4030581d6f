"""How the clock of a nested item maps to the timeline, and which part of the item shows."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

FAR_S = Fraction(10**9)
"""An end that no edit reaches, for a window without one."""


@dataclass(frozen=True)
class Window:
    """The part of the timeline in which the content of a container (sequence, nested edit, clip) shows.

    Times inside the container count on its own clock: ``root = root_s + (own - own_s) / scale``, where ``root`` is
    a time on the timeline. All values are exact seconds.

    Attributes:
        root_s, own_s: one moment, on the timeline and on the container's clock.
        scale: seconds of the container's clock per second of timeline; negative: it plays backwards;
            0: it is frozen at ``own_s``.
        begin_s, end_s: nothing outside ``[begin_s, end_s)`` of the timeline shows.
    """

    root_s: Fraction
    own_s: Fraction
    scale: Fraction
    begin_s: Fraction
    end_s: Fraction

    def root(self, own_s: Fraction) -> Fraction:
        """Timeline seconds at a time of the container's clock."""
        return self.root_s + (own_s - self.own_s) / self.scale if self.scale else self.root_s

    def own(self, root_s: Fraction) -> Fraction:
        """The container's clock at a time of the timeline."""
        return self.own_s + (root_s - self.root_s) * self.scale

    def span(self, start_s: Fraction, end_s: Fraction) -> tuple[Fraction, Fraction]:
        """Timeline seconds of ``[start_s, end_s)`` of the container's clock, clipped to the window.

        Where nothing of it shows, the end does not lie after the start.
        """
        if self.scale == 0:
            shown = start_s <= self.own_s < end_s
            return (self.begin_s, self.end_s) if shown else (self.begin_s, self.begin_s)
        a, b = sorted((self.root(start_s), self.root(end_s)))
        return max(a, self.begin_s), min(b, self.end_s)

    def shows(self, root_s: Fraction) -> bool:
        """Whether a time of the timeline lies in the window."""
        return self.begin_s <= root_s < self.end_s

    def inside(self, at_s: Fraction, length_s: Fraction, source_s: Fraction, speed: Fraction) -> Window:
        """The window of a nested container that lies at ``[at_s, at_s + length_s)`` of this one's clock.

        Args:
            source_s: the nested clock at the start of the range that is used; a reversed item ends there.
            speed: seconds of the nested clock per second of this one's.
        """
        begin_s, end_s = self.span(at_s, at_s + length_s)
        first_s = source_s if speed >= 0 else source_s + length_s * -speed
        if self.scale == 0:
            return Window(begin_s, first_s + (self.own_s - at_s) * speed, Fraction(0), begin_s, end_s)
        return Window(self.root(at_s), first_s, self.scale * speed, begin_s, end_s)


def whole_timeline(own_s: Fraction = Fraction(0), length_s: Fraction = FAR_S) -> Window:
    """The window of the timeline itself, whose clock reads ``own_s`` at its first frame."""
    return Window(Fraction(0), own_s, Fraction(1), Fraction(0), length_s)
