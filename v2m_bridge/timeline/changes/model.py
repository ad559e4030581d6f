"""The result of comparing two cuts: segments of kept picture, and changes by name. Frames count from each start."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction


class ChangeKind(StrEnum):
    """What happened to a stretch of picture."""

    UNMOVED = "unmoved"
    MOVED = "moved"
    HEAD_TRIMMED = "head trimmed"
    TAIL_TRIMMED = "tail trimmed"
    SLIPPED = "slipped"
    SPLIT = "split"
    NEW = "new"
    GONE = "gone"
    RETIMED = "retimed"
    VFX_ONLY = "vfx only"


@dataclass(frozen=True)
class KeptSegment:
    """Kept picture: old ``[old_start, old_end)`` is now at new ``[new_start, new_end)``; other lengths if retimed."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int

    @property
    def shift_frames(self) -> int:
        """How far the start of the segment moved, new minus old."""
        return self.new_start - self.old_start

    @property
    def retimed(self) -> bool:
        return self.old_end - self.old_start != self.new_end - self.new_start

    def to_old(self, new_frame: int) -> int:
        """Old frame of a new frame inside the segment."""
        if not self.retimed:
            return new_frame - self.shift_frames
        share = Fraction(new_frame - self.new_start, self.new_end - self.new_start)
        return self.old_start + int(share * (self.old_end - self.old_start))

    def to_new(self, old_frame: int) -> int:
        """New frame of an old frame inside the segment."""
        if not self.retimed:
            return old_frame + self.shift_frames
        share = Fraction(old_frame - self.old_start, self.old_end - self.old_start)
        return self.new_start + int(share * (self.new_end - self.new_start))


@dataclass(frozen=True)
class Change:
    """One thing that happened; ``old`` and ``new`` are half-open frame ranges, None where there is nothing."""

    kind: ChangeKind
    old: tuple[int, int] | None
    new: tuple[int, int] | None
    name: str = ""


@dataclass(frozen=True)
class CutChanges:
    """Two cuts compared.

    Attributes:
        segments: in order of the new cut, not overlapping there; the same old picture may be used twice.
        changes: one entry a shot that is not where or what it was; nothing for shots that did not change.
        warnings: what could not be decided, one sentence each.
    """

    old_frames: int
    new_frames: int
    rate: Fraction
    segments: tuple[KeptSegment, ...]
    changes: tuple[Change, ...]
    warnings: tuple[str, ...] = field(default=())

    @property
    def identical(self) -> bool:
        """Whether the new cut shows the old one frame by frame."""
        return not self.changes and self.old_frames == self.new_frames

    @property
    def kept_frames(self) -> int:
        """Frames of the new cut whose picture was in the old one."""
        return sum(s.new_end - s.new_start for s in self.segments)

    def count(self) -> dict[str, int]:
        """Kind of change -> how many."""
        counts = Counter(change.kind.value for change in self.changes)
        return {kind.value: counts[kind.value] for kind in ChangeKind if counts[kind.value]}

    def segment_at_new(self, frame: int) -> KeptSegment | None:
        """The segment that shows a new frame."""
        place = bisect_right([s.new_start for s in self.segments], frame) - 1
        found = self.segments[place] if place >= 0 else None
        return found if found and frame < found.new_end else None

    def segment_at_old(self, frame: int) -> KeptSegment | None:
        """The first segment of the new cut that shows an old frame."""
        return next((s for s in self.segments if s.old_start <= frame < s.old_end), None)
