"""What all parts share before a note is written: harmony, accents, breaths, the ending, tempo and dynamics."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from v2m_bridge.errors import InputError
from v2m_bridge.music.arrangement import ArrangeRequest
from v2m_bridge.music.chords import NO_CHORD, Chord, ChordEvent
from v2m_bridge.music.dynamics import DynamicsCurve
from v2m_bridge.music.figures import Cell, cells_of_bar
from v2m_bridge.timing.tempo import Bar, TempoMap

_NEAR = 1e-6
BREATH_S = 0.3
"""The breath before a strong hit is an eighth, or a sixteenth where an eighth is longer than this, in seconds."""


@dataclass(frozen=True)
class ChordSpan:
    """A chord over ``[start_beat, end_beat)``; two equal chords in a row are one span."""

    chord: Chord
    start_beat: float
    end_beat: float

    @property
    def length_beats(self) -> float:
        """Length in quarter notes."""
        return self.end_beat - self.start_beat


@dataclass(frozen=True)
class Plan:
    """What every part is written into.

    Attributes:
        end_beat: where the picture ends.
        last_beat: where the music ends: ``end_beat``, later with a tail.
        strong: beats of strong hits inside the picture, ascending.
        accents: beats of all hits but movements of the picture, ascending.
        moving: beats of movements of the picture, ascending.
        closing_beat: from here on, the last chord is held.
    """

    spans: tuple[ChordSpan, ...]
    bars: tuple[Bar, ...]
    cells: tuple[Cell, ...]
    curve: DynamicsCurve
    tempo: TempoMap
    strong: tuple[float, ...]
    accents: tuple[float, ...]
    end_beat: float
    last_beat: float
    closing_beat: float
    moving: tuple[float, ...] = ()
    _starts: tuple[float, ...] = field(default=(), repr=False)

    def span_at(self, beat: float) -> ChordSpan | None:
        """The span at ``beat``; None outside the picture and where no chord sounds."""
        index = bisect_right(self._starts, beat + _NEAR) - 1
        if index < 0 or beat >= self.spans[index].end_beat - _NEAR:
            return None
        span = self.spans[index]
        return span if span.chord.root is not None else None

    def is_strong(self, beat: float) -> bool:
        """Whether a strong hit is at ``beat``."""
        return _has(self.strong, beat)

    def is_accent(self, beat: float) -> bool:
        """Whether a hit other than a movement of the picture is at ``beat``."""
        return _has(self.accents, beat)

    def is_moving(self, beat: float) -> bool:
        """Whether a movement of the picture is at ``beat``."""
        return _has(self.moving, beat)

    def breath_before(self, beat: float) -> float:
        """Beats of silence before a strong hit at ``beat``: an eighth, or a sixteenth at slow tempi."""
        seconds = self.tempo.seconds_at(beat) - self.tempo.seconds_at(max(0.0, beat - 0.5))
        return 0.5 if seconds <= BREATH_S else 0.25

    def breathing_end(self, start_beat: float, end_beat: float) -> float:
        """End of a note over ``[start_beat, end_beat)``, shortened by the breath before the next strong hit."""
        hit = self.next_strong(start_beat)
        if hit is None or hit > end_beat + _NEAR:
            return end_beat
        early = hit - self.breath_before(hit)
        return early if early - start_beat >= 0.25 else min(hit, end_beat)

    def in_breath(self, beat: float) -> bool:
        """Whether ``beat`` lies in the silence before a strong hit."""
        hit = self.next_strong(beat)
        return hit is not None and beat >= hit - self.breath_before(hit) - _NEAR

    def next_strong(self, beat: float) -> float | None:
        """The first strong hit after ``beat``."""
        index = bisect_right(self.strong, beat + _NEAR)
        return self.strong[index] if index < len(self.strong) else None


def make_plan(request: ArrangeRequest, tail_s: float) -> Plan:
    """Check the request and lay out the frame; the last chord rings ``tail_s`` seconds after the picture.

    Raises:
        InputError: no length, chords that overlap, or a tail outside 0..60 s.
    """
    end_beat, bars, tempo = request.end_beat, request.bars, request.tempo
    curve = DynamicsCurve(request.dynamics, end_beat)
    if not end_beat > 0:
        raise InputError(f"the music would end at beat {end_beat!r}", "the timeline needs a length")
    if not 0 <= tail_s <= 60:
        raise InputError(f"a tail of {tail_s!r} s is outside 0..60")
    spans = _merge(request.chords, end_beat)
    inside = sorted((a for a in request.accents if -_NEAR <= a.beat < end_beat - _NEAR), key=lambda a: a.beat)
    all_accents = _distinct([a.beat for a in inside if not a.moving])
    moving = _distinct([a.beat for a in inside if a.moving])
    strong = _distinct([a.beat for a in inside if a.strong])
    landmarks = sorted([*all_accents, *(s.start_beat for s in spans)])
    cells: list[Cell] = []
    for bar in bars:
        low = bisect_left(landmarks, bar.start_beat - _NEAR)
        high = bisect_right(landmarks, bar.start_beat + bar.length_beats)
        cells += cells_of_bar(bar.start_beat, bar.length_beats, landmarks[low:high], end_beat)
    last_beat = tempo.beat_at(tempo.seconds_at(end_beat) + tail_s) if tail_s else end_beat
    return Plan(
        spans=spans,
        bars=tuple(bars),
        cells=tuple(cells),
        curve=curve,
        tempo=tempo,
        strong=strong,
        accents=all_accents,
        moving=moving,
        end_beat=end_beat,
        last_beat=last_beat,
        closing_beat=_closing(spans, bars, tempo, end_beat),
        _starts=tuple(s.start_beat for s in spans),
    )


def _merge(chords: Sequence[ChordEvent], end_beat: float) -> tuple[ChordSpan, ...]:
    """The chords inside the picture in order, with gaps as N and equal neighbours joined."""
    spans: list[ChordSpan] = []
    at = 0.0
    for event in sorted(chords, key=lambda c: c.start_beat):
        start, end = max(0.0, event.start_beat), min(event.end_beat, end_beat)
        if start < at - _NEAR:
            raise InputError(f"chord {event.chord.label} at beat {start:g} starts inside the chord before it")
        if end <= start + _NEAR:
            continue
        if start > at + _NEAR:
            spans.append(ChordSpan(NO_CHORD, at, start))
        if spans and spans[-1].chord == event.chord:
            spans[-1] = ChordSpan(event.chord, spans[-1].start_beat, end)
        else:
            spans.append(ChordSpan(event.chord, start, end))
        at = end
    if spans and end_beat - spans[-1].end_beat < 1e-3:
        spans[-1] = ChordSpan(spans[-1].chord, spans[-1].start_beat, end_beat)
    return tuple(spans)


def _closing(spans: Sequence[ChordSpan], bars: Sequence[Bar], tempo: TempoMap, end_beat: float) -> float:
    """Start of the held ending: the last downbeat or chord change at least 1.5 s before the end, in the second half."""
    latest = tempo.beat_at(max(0.0, tempo.seconds_at(end_beat) - 1.5))
    points = [b.start_beat for b in bars] + [s.start_beat for s in spans]
    fitting = [p for p in points if end_beat / 2 <= p <= latest + _NEAR]
    last_change = spans[-1].start_beat if spans else 0.0
    return max([*fitting, last_change]) if fitting or last_change >= end_beat / 2 else end_beat


def _distinct(beats: Sequence[float]) -> tuple[float, ...]:
    """Ascending beats, without those that repeat the one before."""
    kept: list[float] = []
    for beat in beats:
        if not kept or beat - kept[-1] > 1e-3:
            kept.append(max(0.0, beat))
    return tuple(kept)


def _has(beats: Sequence[float], beat: float) -> bool:
    """Whether ``beat`` is among ascending ``beats``, within a thousandth."""
    index = bisect_left(beats, beat - 1e-3)
    return index < len(beats) and beats[index] <= beat + 1e-3
