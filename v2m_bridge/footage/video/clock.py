"""Places decoded pictures on one clock that never runs back, also where a file's time stamps restart or jump."""

from __future__ import annotations

import math

RESTART_S = 0.25
"""Stamps that fall back by more than this start anew; smaller steps back are single wrong stamps."""

JUMP_S = 10.0
"""In a transport stream, stamps that leap ahead by more than this jump; anywhere else the picture was held."""


class PictureClock:
    """One reading of a file from any place on.

    Args:
        may_jump: whether stamps of this kind of file jump ahead, as those of transport streams do.

    Attributes:
        end_s: where the last picture ends; minus infinity before the first.
        shift_s: what is added to the stamps now.
        pictures: how many were placed.
        jumps_s: where stamps restarted or jumped.
        dropped: pictures left out because their stamp is not later than that of the picture before.
    """

    def __init__(self, *, may_jump: bool) -> None:
        self._may_jump = may_jump
        self._last_s = -math.inf
        self.end_s = -math.inf
        self.shift_s = 0.0
        self.pictures = 0
        self.jumps_s: list[float] = []
        self.dropped = 0

    def place(self, stamp_s: float | None, length_s: float) -> float | None:
        """When the next picture begins, in seconds; None if it has to be left out.

        Args:
            stamp_s: what its time stamp says, None without one.
            length_s: how long it is shown, as far as is known.
        """
        seconds = max(0.0, self.end_s) if stamp_s is None else stamp_s + self.shift_s
        back, ahead = seconds < self._last_s - RESTART_S, self._may_jump and seconds > self.end_s + JUMP_S
        if self.pictures and (back or ahead):
            self.jumps_s.append(self.end_s)
            self.shift_s += self.end_s - seconds
            seconds = self.end_s
        if seconds <= self._last_s:
            self.dropped += 1
            return None
        self.pictures += 1
        self._last_s, self.end_s = seconds, seconds + length_s
        return seconds

    def notes(self, name: str, stated_s: float | None) -> list[str]:
        """Warnings about the stamps of file ``name``, which states ``stated_s`` as its length."""
        notes = []
        if self.jumps_s:
            states = f", the file states {stated_s:.2f} s" if stated_s is not None else ""
            notes.append(
                f"{name}: its time stamps restart or jump at {', '.join(f'{at:.2f} s' for at in self.jumps_s[:5])}; "
                f"its {self.pictures} pictures follow one another and last {self.end_s:.2f} s{states}"
            )
        if self.dropped:
            notes.append(
                f"{name}: {self.dropped} pictures with the time stamp of an earlier one were left out; "
                f"{self.pictures} remain"
            )
        return notes
