"""Who plays when: calm bars are thin, energetic ones full; builds lead into must-hits."""

from __future__ import annotations

import itertools
import math

from v2m_bridge.music.arrange import arrange
from v2m_bridge.music.arrange_options import ArrangeOptions
from v2m_bridge.music.arrangement import Accent, Arrangement, ArrangeRequest, DynamicsPoint
from v2m_bridge.music.chords import ChordEvent
from v2m_bridge.music.form import Phrase
from v2m_bridge.music.keys import parse_key
from v2m_bridge.music.locks import parse_primer
from v2m_bridge.music.orchestration.cast import cast_film
from v2m_bridge.music.plan import make_plan
from v2m_bridge.timing.tempo import TempoMap

BARS = 32


def request_of(loudness: list[float], hits: tuple[int, ...] = ()) -> ArrangeRequest:
    """A chord a bar in 4/4 with a loudness for each; must-hits at the start of bars ``hits`` (the first is 0)."""
    primer = parse_primer("C Am F G")
    chords = [ChordEvent(primer[n % 4], 4.0 * n, 4.0 * n + 4) for n in range(len(loudness))]
    tempo = TempoMap.constant(100)
    end = 4.0 * len(loudness)
    dynamics = [DynamicsPoint(4.0 * n, 8.0, level) for n, level in enumerate(loudness)]
    accents = [Accent(4.0 * bar, strong=True) for bar in hits]
    return ArrangeRequest(chords, list(tempo.bars(end)), dynamics, accents, parse_key("C major"), end, tempo)


def piece(loudness: list[float], hits: tuple[int, ...] = (), mood: str = "exciting") -> Arrangement:
    """The request, arranged."""
    return arrange(request_of(loudness, hits), ArrangeOptions(mood=mood))


def velocity(music: Arrangement, start: float, end: float) -> float:
    """Energy of what is struck in ``[start, end)``: notes at one moment add up; 0 for silence."""
    return sum(n.velocity**2 for part in music.parts for n in part.notes if start - 1e-3 <= n.start_beat < end - 1e-3)


def test_calm_phrases_are_thin_and_energetic_ones_full() -> None:
    wave = [0.13 + 0.11 * math.sin(2 * math.pi * n / BARS) for n in range(BARS)]
    plan = make_plan(request_of(wave), 0.0)
    phrases = [Phrase(1 + 4 * n, 4, "ABAC"[n % 4], n // 4) for n in range(BARS // 4)]
    cast = cast_film(plan, phrases)
    assert cast.blocks[0].start_beat == 0 and cast.blocks[-1].end_beat == 4.0 * BARS
    assert all(a.end_beat == b.start_beat for a, b in itertools.pairwise(cast.blocks))
    levels = [block.level for block in cast.blocks for _ in range(round(block.end_beat - block.start_beat) // 4)]
    assert len(levels) == BARS and set(levels) <= {1, 2, 3, 4}
    assert 0.3 <= levels.count(4) / BARS <= 0.7
    assert sum(levels[4:12]) > 1.3 * sum(levels[20:28])


def test_a_must_hit_is_louder_than_its_build() -> None:
    for mood in ("exciting", "tense", "sad", "relaxing"):
        music = piece([0.15] * BARS, hits=(16,), mood=mood)
        on_hit, before = (
            velocity(music, 64.0, 64.05),
            max(velocity(music, b, b + 0.05) for b in (60.0, 61.0, 62.0, 63.0)),
        )
        assert on_hit >= 2 * before, f"{mood}: three decibels in what is struck, more in what sounds"
        assert any(part.role == "hits" and part.notes for part in music.parts)


def test_the_same_wishes_give_the_same_notes() -> None:
    assert piece([0.15] * BARS, hits=(12,)).parts == piece([0.15] * BARS, hits=(12,)).parts
