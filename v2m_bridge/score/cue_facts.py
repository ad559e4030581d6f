"""The facts of a score in the units that people read: timecode, bar and beat. Cue sheet and CSV share them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from v2m_bridge.score.model import Score
from v2m_bridge.sync.document import HitDocument, tempo_map_from_document
from v2m_bridge.timing.rates import exact_rate, frame_to_seconds, seconds_to_frame
from v2m_bridge.timing.tempo import Bar, TempoMap
from v2m_bridge.timing.timecode import format_timecode


def cut_name(kind: str, number: int) -> str:
    """The name of the ``number``-th cut (from 1) in every file and host: ``cut 3``, ``dissolve 4``."""
    return f"{kind} {number}"


def cue_title(score: Score) -> str:
    """Number, title and version of the cue, as far as they are known: ``1m1 The Arrival v3``."""
    named = score.options.cue
    version = named.cue_version or ""
    parts = (named.cue or "", score.timeline.title or "untitled", f"v{version}" if version[:1].isdigit() else version)
    return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class CueEvent:
    """A cut, transition, marker or movement of the picture and where the music meets it.

    ``kind`` is the cut's or hit's kind, or ``marker``; ``lands`` is ``""`` for what was never a hit.
    """

    kind: str
    frame: int
    seconds: float
    timecode: str
    beat: float
    name: str
    note: str
    color: str
    lands: str
    error_frames: float | None
    must: bool


class CueFacts:
    """Read-only view of a score with seconds, timecode and bars worked out."""

    def __init__(self, score: Score) -> None:
        self.score = score
        self.rate: Fraction = exact_rate(score.timeline.rate)
        self.tempo: TempoMap = tempo_map_from_document(score.fit)
        self.bars: tuple[Bar, ...] = tuple(self.tempo.bars(score.fit.end_beat))
        self._bar_starts = [bar.start_beat for bar in self.bars]

    @property
    def duration_s(self) -> float:
        """Length of the film."""
        return float(frame_to_seconds(self.score.timeline.duration_frames, self.rate))

    def timecode(self, frame: int) -> str:
        """Timecode of a frame counted from the start of the timeline."""
        timeline = self.score.timeline
        return format_timecode(timeline.start_frame + frame, self.rate, timeline.drop_frame)

    def timecode_at(self, seconds: float) -> str:
        """Timecode of the frame nearest to ``seconds``."""
        return self.timecode(seconds_to_frame(seconds, self.rate))

    def position(self, beat: float) -> str:
        """``"12|3"`` or ``"12|3.5"``: bar and beat as a conductor counts, from 1."""
        index = max(0, bisect_right(self._bar_starts, beat + 1e-6) - 1)
        bar = self.bars[index]
        counted = (beat - bar.start_beat) * bar.denominator / 4 + 1
        return f"{bar.number}|{max(1.0, round(counted, 2)):g}"

    @cached_property
    def events(self) -> tuple[CueEvent, ...]:
        """Every cut and marker, and every movement that was a hit, in order of time."""
        hits: dict[tuple[int, bool], HitDocument] = {}
        for hit in self.score.fit.hits:
            hits.setdefault((hit.frame, hit.kind == "marker"), hit)
        # A marker on a cut makes one hit, which belongs to both.
        both = {**{(f, not m): hit for (f, m), hit in hits.items()}, **hits}
        found = [
            self._event(cut.kind.value, cut.frame, "", "", "", both.get((cut.frame, False)))
            for cut in self.score.timeline.cuts
        ]
        found += [
            self._event("marker", m.frame, m.name, m.note, m.color, both.get((m.frame, True)))
            for m in self.score.timeline.markers
        ]
        frames = {event.frame for event in found}
        found += [
            self._event(hit.kind.value, hit.frame, "", hit.label, "", hit)
            for hit in self.score.fit.hits
            if hit.frame not in frames
        ]
        return tuple(sorted(found, key=lambda e: (e.frame, e.kind == "marker", e.name)))

    def _event(self, kind: str, frame: int, name: str, note: str, color: str, hit: HitDocument | None) -> CueEvent:
        seconds = float(frame_to_seconds(frame, self.rate))
        return CueEvent(
            kind=kind,
            frame=frame,
            seconds=seconds,
            timecode=self.timecode(frame),
            beat=hit.beat if hit else self.tempo.beat_at(seconds),
            name=name,
            note=note,
            color=color,
            lands=hit.lands.value if hit else "",
            error_frames=hit.error_frames if hit else None,
            must=hit.must if hit else False,
        )
