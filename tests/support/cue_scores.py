"""A synthetic film, scored: real fit, slots and arrangement over a made-up edit, for the tests of sheet and preview."""

from __future__ import annotations

import base64
import io
import itertools
import math
import random
from fractions import Fraction

from v2m_bridge.music.arrange import ArrangeOptions, arrange
from v2m_bridge.music.arrangement import Accent, ArrangeRequest, DynamicsPoint
from v2m_bridge.music.chords import ChordEvent
from v2m_bridge.music.keys import parse_key
from v2m_bridge.music.locks import parse_primer
from v2m_bridge.options import ScoreOptions
from v2m_bridge.score.model import ChordDocument, DynamicsDocument, Score, SecondDocument
from v2m_bridge.sync.document import fit_document
from v2m_bridge.sync.fit import fit_tempo
from v2m_bridge.sync.model import FitOptions
from v2m_bridge.sync.slots import harmonic_slots
from v2m_bridge.timeline.document import timeline_document
from v2m_bridge.timeline.hits import find_hits
from v2m_bridge.timeline.model import Cut, CutKind, Marker, Shot, Timeline

PROGRESSION = "Am F C G Am F Dm7 Esus4 E7 Am C/ F Bbmaj7 G7 C Em7 Fmaj7 Dm7 Bm7b5 E7 Am".replace("C/", "C")


def film(
    seconds: float = 74.0, rate: Fraction = Fraction(24000, 1001), seed: int = 3, name: str = "Harbour"
) -> Timeline:
    """Shots of 1.2 to 6 s with a dissolve, two markers and one offline clip."""
    rng = random.Random(seed)
    length = round(seconds * rate)
    edges = [0]
    while edges[-1] < length - 3 * rate:
        edges.append(min(edges[-1] + round(rng.uniform(1.2, 6.0) * rate), length))
    edges[-1] = length
    names = [
        "Wide, dawn",
        "Ropes",
        "Captain",
        "Gulls over <harbour> & pier",
        "Engine",
        "Deck, hand-held",
        "Rain",
        "Door",
    ]
    shots = tuple(
        Shot(a, b, f"/media/{names[n % 8]}.mov", n != 2, name=names[n % 8])
        for n, (a, b) in enumerate(itertools.pairwise(edges))
    )
    cuts = tuple(Cut(f, CutKind.DISSOLVE if n == 4 else CutKind.CUT) for n, f in enumerate(edges[1:-1]))
    markers = (
        Marker(edges[min(5, len(edges) - 2)], "HIT", "Red", "door slams"),
        Marker(edges[min(9, len(edges) - 2)] + 12, "mood: tense", "Blue", ""),
        Marker(edges[-4 % len(edges)], "HIT", "Red", "she sees the “ship”, </script> & all"),
    )
    return Timeline(name, rate, 86400, length, shots, cuts, markers)


def make_score(timeline: Timeline | None = None, options: ArrangeOptions | None = None, bpm: float = 96.0) -> Score:
    """Score ``timeline`` without any network: the progression repeats, dynamics swell and fall."""
    timeline = timeline or film()
    options = options or ArrangeOptions()
    fit = fit_tempo(find_hits(timeline), timeline.duration_frames, timeline.rate, FitOptions(bpm=bpm))
    slots = harmonic_slots(fit)
    key = parse_key("A minor")
    primer = parse_primer(PROGRESSION)
    chords = [
        ChordEvent(primer[(n // 2) % len(primer)], s.start_beat, s.end_beat, None if n == 3 else 0.2 + (n % 7) / 10)
        for n, s in enumerate(slots)
    ]
    dynamics = [
        DynamicsPoint(s.start_beat, 9 + 7 * math.sin(n / 5), 0.14 + 0.11 * math.sin(n / 7 - 1))
        for n, s in enumerate(slots)
    ]
    accents = [Accent(x.beat, x.hit.must) for x in fit.landings if x.lands != "miss"]
    bars = list(fit.tempo_map.bars(fit.end_beat))
    music = arrange(ArrangeRequest(chords, bars, dynamics, accents, key, fit.end_beat, fit.tempo_map), options)
    rng = random.Random(1)
    footage = [
        SecondDocument(
            motion=None if 8 <= t < 12 else 8 + 7 * math.sin(t / 4) + rng.random() * 12,
            emotion=None if 8 <= t < 12 else _emotion(t),
        )
        for t in range(math.ceil(timeline.duration_s))
    ]
    return Score(
        version="0.0",
        timeline=timeline_document(timeline),
        fit=fit_document(fit),
        key=key.name,
        options=ScoreOptions(),
        seed=options.seed,
        checkpoint="none (test)",
        chords=tuple(
            ChordDocument(
                label=c.chord.label,
                symbol=key.symbol(c.chord),
                start_beat=c.start_beat,
                end_beat=c.end_beat,
                start_s=s.start_s,
                end_s=s.end_s,
                probability=c.probability,
                on_cut=s.on_hit,
            )
            for c, s in zip(chords, slots, strict=True)
        ),
        parts=music.parts,
        dynamics=tuple(
            DynamicsDocument(beat=d.beat, seconds=s.start_s, note_density=d.note_density, loudness=d.loudness)
            for d, s in zip(dynamics, slots, strict=True)
        ),
        footage=tuple(footage),
        warnings=("Captain.mov is offline: its shots have no pictures",),
    )


def _emotion(second: int) -> tuple[float, ...]:
    raw = [math.exp(1.6 * math.sin(second / (4 + i) + 1.7 * i)) for i in range(6)]
    return tuple(value / sum(raw) for value in raw)


def thumbnails(timeline: Timeline) -> dict[int, str]:
    """A small drawn picture for every online shot, as data URIs."""
    from PIL import Image, ImageDraw

    pictures: dict[int, str] = {}
    for index, shot in enumerate(timeline.shots):
        if not shot.media_online:
            continue
        rng = random.Random(index)
        sky = (40 + rng.randrange(150), 90 + rng.randrange(110), 120 + rng.randrange(110))
        image = Image.new("RGB", (192, 108), sky)
        draw = ImageDraw.Draw(image)
        x, y = rng.randrange(20, 170), rng.randrange(15, 50)
        draw.ellipse((x - 12, y - 12, x + 12, y + 12), fill=(250, 225, 170))
        draw.rectangle((0, 66, 192, 108), fill=tuple(c // 2 for c in sky))
        draw.polygon(
            [(rng.randrange(192), 30), (rng.randrange(60, 192), 66), (rng.randrange(90), 66)], fill=(45, 45, 52)
        )
        data = io.BytesIO()
        image.save(data, "JPEG", quality=70)
        pictures[index] = "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()
    return pictures
