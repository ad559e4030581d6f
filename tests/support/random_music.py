"""Random but legal input for the arranger: any chords, metres, tempi, hits, and a last bar that is cut short.

:func:`random_score` is the same as a finished score, for the writers.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, replace
from fractions import Fraction

from v2m_bridge.music.arrange import ArrangeOptions, arrange
from v2m_bridge.music.arrangement import Accent, Arrangement, ArrangeRequest, DynamicsPoint, Part
from v2m_bridge.music.chords import Chord, ChordEvent
from v2m_bridge.music.emotions import EMOTIONS
from v2m_bridge.music.instruments import PRESETS
from v2m_bridge.music.keys import Key
from v2m_bridge.options import ScoreOptions
from v2m_bridge.score.model import ChordDocument, DynamicsDocument, Score
from v2m_bridge.sync.document import fit_document
from v2m_bridge.sync.fit import fit_tempo
from v2m_bridge.timeline.document import timeline_document
from v2m_bridge.timeline.model import Cut, CutKind, Marker, Shot, Timeline
from v2m_bridge.timing.tempo import Bar, Metre, TempoMap, TempoPoint


@dataclass(frozen=True)
class Case:
    chords: tuple[ChordEvent, ...]
    bars: tuple[Bar, ...]
    dynamics: tuple[DynamicsPoint, ...]
    accents: tuple[Accent, ...]
    tempo: TempoMap
    end_beat: float
    options: ArrangeOptions
    music: Arrangement

    def part(self, role: str) -> Part:
        return next(p for p in self.music.parts if p.role == role)

    @property
    def changes(self) -> list[ChordEvent]:
        """First slot of every run of equal chords."""
        return [c for i, c in enumerate(self.chords) if not i or self.chords[i - 1].chord != c.chord]

    def chord_at(self, beat: float) -> Chord:
        return next(c.chord for c in reversed(self.chords) if c.start_beat <= beat + 1e-6)


def random_case(seed: int) -> Case:
    """Case number ``seed``; moods and presets take turns so that 50 cases see them all."""
    rng = random.Random(seed)
    chords: list[ChordEvent] = []
    beat = 0.0
    for _ in range(rng.randrange(15, 70)):
        length = rng.choice([1.0, 1.5, 2.0, 2.0, 2.0, 3.0, 4.0])
        again = chords and rng.random() < 0.2
        chord = chords[-1].chord if again else Chord(rng.randrange(12), rng.randrange(13))
        chords.append(ChordEvent(chord, beat, beat + length))
        beat += length
    end_beat = beat - rng.choice([0.0, 0.3, 0.5, 0.81])
    metres: list[Metre] = []
    bar = 0.0
    while bar < end_beat:
        numerator = rng.choice([2, 3, 4, 4, 5])
        metres.append(Metre(bar, numerator, 4))
        bar += numerator * rng.randrange(1, 4)
    bpm = rng.uniform(60, 160)
    half = end_beat / 2
    tempo = TempoMap([TempoPoint(0.0, 0.0, bpm), TempoPoint(half * 60 / bpm, half, bpm * 1.05)], metres)
    accents = tuple(
        Accent(b, rng.random() < 0.25)
        for b in sorted({rng.randrange(int(end_beat * 2)) / 2 for _ in range(len(chords) // 3)})
    )
    dynamics = tuple(DynamicsPoint(c.start_beat, rng.uniform(0, 41), rng.uniform(0, 0.57)) for c in chords)
    options = ArrangeOptions(
        preset=list(PRESETS)[seed % len(PRESETS)] if seed % 3 else None,
        mood=EMOTIONS[seed % 6] if seed % 5 else None,
        tail_s=rng.choice([0.0, 0.0, 2.5]),
        seed=seed,
    )
    bars = tuple(tempo.bars(end_beat))
    music = arrange(ArrangeRequest(chords, bars, dynamics, accents, Key(0, False), end_beat, tempo), options)
    return Case(tuple(chords), bars, dynamics, accents, tempo, end_beat, options, music)


def random_score(seed: int, rate: Fraction = Fraction(24)) -> Score:
    """Case number ``seed`` under a film of random cuts and markers, none of which was ever a hit."""
    case, rng = random_case(seed), random.Random(seed + 1000)
    length = int(case.tempo.seconds_at(case.end_beat) * rate)
    edges = [0, *sorted(rng.sample(range(1, length), 12)), length]
    film = Timeline(
        f"Film {seed}",
        rate,
        86400,
        length,
        shots=tuple(Shot(a, b, name=f"shot {a}") for a, b in itertools.pairwise(edges)),
        cuts=tuple(Cut(frame, rng.choice(list(CutKind))) for frame in edges[1:-1]),
        markers=tuple(Marker(rng.randrange(length), f"marker {n}", "Blue", "") for n in range(4)),
    )
    fit = replace(fit_tempo([], length, rate), tempo_map=case.tempo, end_beat=case.end_beat)
    key = Key(0, False)
    return Score(
        version="0.0",
        timeline=timeline_document(film),
        fit=fit_document(fit),
        key=key.name,
        options=ScoreOptions(),
        seed=seed,
        checkpoint="none (test)",
        chords=tuple(
            ChordDocument(
                label=event.chord.label,
                symbol=key.symbol(event.chord),
                start_beat=event.start_beat,
                end_beat=event.end_beat,
                start_s=case.tempo.seconds_at(event.start_beat),
                end_s=case.tempo.seconds_at(event.end_beat),
                probability=event.probability,
            )
            for event in case.chords
        ),
        parts=case.music.parts,
        dynamics=tuple(
            DynamicsDocument(
                beat=point.beat,
                seconds=case.tempo.seconds_at(point.beat),
                note_density=point.note_density,
                loudness=point.loudness,
            )
            for point in case.dynamics
        ),
    )
