"""The time of the new score: kept runs of bars and bridges in turn, as one tempo map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from v2m_bridge.compose.conform.blocks import SAME_S, KeptBlock, OldMusic, blocks_of
from v2m_bridge.compose.conform.bridges import Bridge, BridgeBuilder, Gap
from v2m_bridge.sync.metre import metres_of
from v2m_bridge.sync.model import FitOptions
from v2m_bridge.timeline.changes.model import CutChanges
from v2m_bridge.timeline.hits import Hit
from v2m_bridge.timing.tempo import TempoMap, TempoPoint

SAME_TEMPO = 1e-9


@dataclass(frozen=True)
class KeptRun:
    """Old quarter notes ``[old_start, old_end)`` that now start at ``new_start``; infinite where both films end."""

    old_start: float
    old_end: float
    new_start: float
    bars: int
    moved_s: float
    to_end: bool

    @property
    def shift_beats(self) -> float:
        """New minus old."""
        return self.new_start - self.old_start

    @property
    def new_end(self) -> float:
        """New quarter note at which the run ends."""
        return self.old_end + self.shift_beats


@dataclass(frozen=True)
class Rewritten:
    """New quarter notes ``[start_beat, end_beat)`` that are written anew; ``new_picture``: frames not seen before."""

    start_beat: float
    end_beat: float
    bars: int
    new_picture: int = 0


@dataclass(frozen=True)
class ConformPlan:
    """The new tempo map, what of the old score it keeps and what is to be written."""

    tempo: TempoMap
    end_beat: float
    kept: tuple[KeptRun, ...]
    rewritten: tuple[Rewritten, ...]

    def run_at(self, beat: float) -> KeptRun | None:
        """The kept run that holds a new quarter note."""
        return next((r for r in self.kept if r.new_start - 1e-6 <= beat < r.new_end - 1e-6), None)


def plan_conform(
    changes: CutChanges, music: OldMusic, hits: Sequence[Hit], duration_s: float, rate: Fraction, options: FitOptions
) -> ConformPlan | None:
    """Keep all whole bars of kept picture and solve the tempo between them; None where no whole bar is kept.

    Args:
        hits: of the new cut.
        duration_s: length of the new cut.
        options: of the fit, with the tempo that the old score asked for.
    """
    blocks = blocks_of(changes, music)
    if not blocks:
        return None
    parts = _joined(blocks, BridgeBuilder(music, hits, rate, options), duration_s)
    return _placed(parts, changes, music, duration_s, rate)


def _joined(blocks: Sequence[KeptBlock], builder: BridgeBuilder, duration_s: float) -> list[KeptBlock | Bridge]:
    parts: list[KeptBlock | Bridge] = []
    left: KeptBlock | None = None
    for right in blocks:
        if left is None and right.new_start_s < SAME_S and right.start_beat == 0:
            left = right
            continue
        joined = builder.join(Gap(left, right, duration_s))
        if joined.left:
            parts.append(joined.left)
        if joined.bridge:
            parts.append(joined.bridge)
        left = joined.right
    if left and not left.to_end and left.new_end_s < duration_s - SAME_S:
        joined = builder.join(Gap(left, None, duration_s))
        parts += [p for p in (joined.left, joined.bridge) if p]
    elif left:
        parts.append(left)
    return parts


class _Placing:
    """Collects tempo points and bar lines in order of the new cut."""

    def __init__(self) -> None:
        self.points: list[TempoPoint] = []
        self.bars: list[int] = [0]
        self.beat = 0.0

    def tempo(self, point: TempoPoint) -> None:
        """A point, unless the tempo stays what it is."""
        last = self.points[-1] if self.points else None
        if last is None or last.linear or point.linear or abs(point.bpm / last.bpm - 1) > SAME_TEMPO:
            self.points.append(point)

    def lengths(self, lengths: Sequence[int]) -> None:
        """Bar lines after so many beats each."""
        for length in lengths:
            self.bars.append(self.bars[-1] + length)


def _placed(
    parts: Sequence[KeptBlock | Bridge], changes: CutChanges, music: OldMusic, duration_s: float, rate: Fraction
) -> ConformPlan:
    place = _Placing()
    kept: list[KeptRun] = []
    rewritten: list[tuple[float, float, int, float, float]] = []
    for part in parts:
        start = place.beat
        if isinstance(part, KeptBlock):
            _place_block(part, place, music)
            kept.append(
                KeptRun(
                    old_start=part.start_beat,
                    old_end=max(part.end_beat, music.end_beat) if part.to_end else part.end_beat,
                    new_start=start,
                    bars=len(part.bars),
                    moved_s=part.new_start_s - part.old_start_s,
                    to_end=part.to_end,
                )
            )
            place.beat = start + part.end_beat - part.start_beat
        else:
            for p in part.points:
                place.tempo(TempoPoint(part.start_s + p.seconds, start + p.beat, p.bpm))
            place.lengths(part.bars)
            place.beat = start + part.beats
            end_s = part.end_s if part.end_s is not None else duration_s
            rewritten.append((start, place.beat, len(part.bars), part.start_s, end_s))
    tempo = TempoMap(place.points, metres_of(place.bars))
    end_beat = tempo.beat_at(duration_s)
    frames = _new_picture(changes)
    return ConformPlan(
        tempo,
        end_beat,
        tuple(kept),
        tuple(
            Rewritten(a, min(b, end_beat), bars, sum(1 for f in frames if s <= float(f / rate) < e))
            for a, b, bars, s, e in rewritten
        ),
    )


def _place_block(block: KeptBlock, place: _Placing, music: OldMusic) -> None:
    shift = place.beat - block.start_beat
    start_bpm = music.bpm_at_beat(block.start_beat) / block.stretch
    inside = [p for p in music.tempo.points if p.beat < block.end_beat - 1e-9 or block.to_end]
    glides = [p.linear for p in inside if p.beat <= block.start_beat + 1e-9]
    place.tempo(TempoPoint(block.new_start_s, place.beat, start_bpm, bool(glides and glides[-1])))
    for p in inside:
        if p.beat > block.start_beat + 1e-9:
            moved = replace(p, seconds=block.new_s(p.seconds), beat=p.beat + shift, bpm=p.bpm / block.stretch)
            place.tempo(moved)
    place.lengths([round(b.length_beats) for b in block.bars])


def _new_picture(changes: CutChanges) -> list[int]:
    """Frames of the new cut that the old one does not show."""
    frames: list[int] = []
    frame = 0
    for s in changes.segments:
        frames += range(frame, s.new_start)
        frame = max(frame, s.new_end)
    return frames + list(range(frame, changes.new_frames))
