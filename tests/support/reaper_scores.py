"""Synthetic scores for the tests of REAPER: any rate, any metres, any size, no other stage needed."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from fractions import Fraction

from v2m_bridge.music.arrangement import Control, Note, Part
from v2m_bridge.options import ScoreOptions
from v2m_bridge.score.model import ChordDocument, Score
from v2m_bridge.sync.document import FitDocument, TempoDocument
from v2m_bridge.sync.model import FitSummary
from v2m_bridge.timeline.document import TimelineDocument, timeline_document
from v2m_bridge.timeline.model import Cut, CutKind, Marker, Shot, Timeline
from v2m_bridge.timing.rates import exact_rate, seconds_to_frame
from v2m_bridge.timing.tempo import TempoMap

BARS = ((4, 4), (4, 4), (3, 4), (5, 4), (4, 4), (2, 4), (7, 8), (4, 4))
"""Metres of the test film's bars, over and over: every change lies on a bar line."""

SUMMARY = FitSummary(
    hits=0, landed=0, landed_share=0, min_bpm=0, max_bpm=0, max_step=0, constant_bpm=0, constant_landed_share=0
)


def make_tempo(bars: int, seed: int = 0, metres: Sequence[tuple[int, int]] = BARS) -> tuple[TempoDocument, ...]:
    """A tempo and metre for each of ``bars`` bars, with one tempo change in mid-bar."""
    rng = random.Random(seed)
    rows: list[TempoDocument] = []
    seconds = beat = 0.0
    for bar in range(bars):
        numerator, denominator = metres[bar % len(metres)]
        length = numerator * 4 / denominator
        for part in (length / 2, length / 2) if bar == 1 else (length,):
            bpm = 90 + 60 * rng.random()
            rows.append(
                TempoDocument(seconds=seconds, beat=beat, bpm=bpm, numerator=numerator, denominator=denominator)
            )
            seconds += part * 60 / bpm
            beat += part
    return tuple(rows)


def tempo_map(rows: Sequence[TempoDocument]) -> TempoMap:
    return TempoMap.from_seconds([(r.seconds, r.bpm, r.linear) for r in rows])


def make_timeline(
    duration_frames: int,
    rate: Fraction,
    start_frame: int,
    drop_frame: bool,
    media: str | None,
    marker_s: float | None = None,
    every_s: float = 3.1,
) -> TimelineDocument:
    frames = [seconds_to_frame(every_s * n, rate) for n in range(1, int(duration_frames / float(rate) / every_s) + 1)]
    frames = [f for f in frames if 0 < f < duration_frames]
    edges = [0, *frames, duration_frames]
    shots = tuple(
        Shot(a, b, media, media is not None, float(a / rate), 1.0, f"shot {n}")
        for n, (a, b) in enumerate(itertools.pairwise(edges), 1)
    )
    kinds = [CutKind.CUT, CutKind.CUT, CutKind.DISSOLVE]
    cuts = tuple(Cut(f, kinds[n % 3]) for n, f in enumerate(frames))
    markers = (
        Marker(
            seconds_to_frame(marker_s, rate) if marker_s else frames[0] if frames else 0, "HIT", "Red", "door\tslams"
        ),
        Marker(min(5, duration_frames - 1), "mood: tense", "Blue"),
    )
    return timeline_document(
        Timeline("Reel 1 “Ünïcode”", rate, start_frame, duration_frames, shots, cuts, markers, drop_frame)
    )


def make_score(
    bars: int = 12,
    rate: str | Fraction = "24",
    *,
    start_frame: int = 86400,
    drop_frame: bool = False,
    seed: int = 0,
    notes: int = 120,
    media: str | None = None,
    rows: tuple[TempoDocument, ...] | None = None,
    parts: Sequence[str] = ("Chords", "Bass", "Strings"),
    marker_s: float | None = None,
) -> Score:
    """A score of about ``bars`` bars whose notes and controllers lie on 960 ticks a beat."""
    rng = random.Random(seed + 1)
    exact = exact_rate(rate)
    rows = rows or make_tempo(bars, seed)
    tempo = tempo_map(rows)
    end_beat = rows[-1].beat + rows[-1].numerator * 4 / rows[-1].denominator
    duration_frames = max(1, seconds_to_frame(tempo.seconds_at(end_beat), exact))
    end_beat = tempo.beat_at(float(duration_frames / exact))
    return Score(
        version="0.1.0",
        timeline=make_timeline(duration_frames, exact, start_frame, drop_frame, media, marker_s),
        fit=FitDocument(requested_bpm=120, hits=(), tempo=rows, summary=SUMMARY, end_beat=end_beat),
        key="A minor",
        options=ScoreOptions(),
        seed=seed,
        checkpoint="test",
        chords=_chords(tempo, end_beat),
        parts=tuple(_part(name, n, rng, notes // len(parts), end_beat) for n, name in enumerate(parts)),
    )


def _chords(tempo: TempoMap, end_beat: float) -> tuple[ChordDocument, ...]:
    symbols = [("A:min", "Am"), ("F:maj", "F"), ("C:maj7", "Cmaj7"), ("G#:hdim7", "G#m7b5"), ("A#:maj", "A♯")]
    edges = [*range(0, int(end_beat), 2), end_beat]
    return tuple(
        ChordDocument(
            label=symbols[n % 5][0],
            symbol=symbols[n % 5][1],
            start_beat=a,
            end_beat=b,
            start_s=tempo.seconds_at(a),
            end_s=tempo.seconds_at(b),
            probability=0.5,
        )
        for n, (a, b) in enumerate(itertools.pairwise(edges))
        if b > a
    )


def _part(name: str, channel: int, rng: random.Random, notes: int, end_beat: float) -> Part:
    ticks = int((end_beat - 2) * 960)
    made = sorted(
        (rng.randrange(ticks) / 960, rng.randrange(1, 1920) / 960, rng.randrange(36, 84), rng.randrange(1, 128))
        for _ in range(notes)
    )
    controls = [(n / 2, number, rng.randrange(128)) for n in range(int(end_beat * 2)) for number in (1, 11)]
    role = "chords" if name == "Chords" else name.lower()
    return Part(
        name=name,
        role=role,
        channel=channel,
        program=40 + channel,
        notes=tuple(Note(*note) for note in made),
        controls=tuple(Control(*control) for control in controls),
    )
