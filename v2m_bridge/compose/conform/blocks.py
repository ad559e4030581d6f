"""Which whole bars of the old score stay, and where in the new cut each run of them stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from v2m_bridge.timeline.changes.model import CutChanges, KeptSegment
from v2m_bridge.timing.tempo import Bar, TempoMap

SAME_S = 1e-6
"""Two times of one bar line differ by less."""


@dataclass(frozen=True)
class OldMusic:
    """The time of the old score: its map, its end in quarter notes, its length in frames and its rate."""

    tempo: TempoMap
    end_beat: float
    frames: int
    rate: Fraction

    def bpm_at_beat(self, beat: float) -> float:
        """Tempo from ``beat`` on."""
        return self.tempo.bpm_at_seconds(self.tempo.seconds_at(beat) + SAME_S)

    def bpm_before(self, beat: float) -> float:
        """Tempo up to ``beat``."""
        return self.tempo.bpm_at_seconds(max(0.0, self.tempo.seconds_at(beat) - SAME_S))


@dataclass(frozen=True)
class KeptBlock:
    """A run of old bars that is kept as it is.

    Attributes:
        bars: old bars, in order, without a hole.
        new_start_s: where the first of them starts in the new cut.
        stretch: new seconds per old second; 1 but for cuts whose rates differ by the pull-down.
        to_end: whether the block runs to the end of both films; its last bar may be cut short there.
    """

    bars: tuple[Bar, ...]
    old_start_s: float
    old_end_s: float
    new_start_s: float
    stretch: float = 1.0
    to_end: bool = False

    @property
    def start_beat(self) -> float:
        """Old quarter note of the first bar line."""
        return self.bars[0].start_beat

    @property
    def end_beat(self) -> float:
        """Old quarter note of the last bar's end."""
        return self.bars[-1].start_beat + self.bars[-1].length_beats

    @property
    def new_end_s(self) -> float:
        """Where the last bar ends in the new cut."""
        return self.new_s(self.old_end_s)

    def new_s(self, old_s: float) -> float:
        """New time of an old time."""
        if self.stretch == 1.0 and self.new_start_s == self.old_start_s:
            return old_s
        return self.new_start_s + (old_s - self.old_start_s) * self.stretch

    def old_s(self, new_s: float) -> float:
        """Old time of a new time."""
        return self.old_start_s + (new_s - self.new_start_s) / self.stretch

    def without(self, music: OldMusic, first: int = 0, last: int = 0) -> KeptBlock:
        """The block without so many bars at its ends."""
        bars = self.bars[first : len(self.bars) - last]
        start_s = music.tempo.seconds_at(bars[0].start_beat)
        end_s = music.tempo.seconds_at(bars[-1].start_beat + bars[-1].length_beats)
        return replace(
            self,
            bars=bars,
            old_start_s=start_s if first else self.old_start_s,
            old_end_s=end_s if last else self.old_end_s,
            new_start_s=self.new_s(start_s) if first else self.new_start_s,
            to_end=self.to_end and not last,
        )


def blocks_of(changes: CutChanges, music: OldMusic) -> list[KeptBlock]:
    """Runs of whole old bars inside kept picture, in order of the new cut; retimed picture keeps none."""
    bars = list(music.tempo.bars(music.end_beat))
    times = [music.tempo.seconds_at(b.start_beat) for b in bars]
    times.append(music.tempo.seconds_at(bars[-1].start_beat + bars[-1].length_beats))
    return [block for s in changes.segments for block in _of_segment(s, changes, music, bars, times)]


def _of_segment(
    segment: KeptSegment, changes: CutChanges, music: OldMusic, bars: Sequence[Bar], times: Sequence[float]
) -> Iterator[KeptBlock]:
    if segment.retimed:
        return
    half_s = 0.5 / float(music.rate)
    start_s, end_s = (float(f / music.rate) for f in (segment.old_start, segment.old_end))
    to_end = segment.old_end >= music.frames and segment.new_end >= changes.new_frames
    inside = [
        n
        for n in range(len(bars))
        if times[n] >= start_s - half_s and (times[n + 1] <= end_s + half_s or (to_end and times[n] < end_s - half_s))
    ]
    if not inside:
        return
    stretch = float(music.rate / changes.rate)
    first, last = inside[0], inside[-1]
    new_s = float(segment.new_start / changes.rate)
    if segment.shift_frames == 0 and stretch == 1.0:
        placed_s = times[first]
    else:
        placed_s = new_s + (times[first] - start_s) * stretch
    yield KeptBlock(tuple(bars[first : last + 1]), times[first], times[last + 1], placed_s, stretch, to_end)
