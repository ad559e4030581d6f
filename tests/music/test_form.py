"""What the form of a score says must be in its chords."""

from __future__ import annotations

import pytest

from v2m_bridge.music.chords import ChordEvent
from v2m_bridge.music.form import heard_cadence
from v2m_bridge.music.keys import parse_key
from v2m_bridge.music.locks import parse_primer


@pytest.mark.parametrize(
    ("key", "chords", "cadence"),
    [
        ("C major", "C F G7 C", "full"),
        ("C major", "C Am F G", "half"),
        ("C major", "C F G Am", "deceptive"),
        ("C major", "C G F C", None),
        ("A minor", "Am Dm E7 Am", "full"),
        ("A minor", "Am F E F", "deceptive"),
        ("A minor", "Am Dm Em", None),
        ("A minor", "Am Dm Em Am", None),
        ("F major", "F", None),
    ],
)
def test_a_cadence_is_what_the_chords_make(key: str, chords: str, cadence: str | None) -> None:
    heard = [ChordEvent(chord, 4.0 * i, 4.0 * i + 4) for i, chord in enumerate(parse_primer(chords))]
    assert heard_cadence(heard, 4.0 * len(heard), parse_key(key)) == cadence
    more = [*heard, ChordEvent(parse_primer("Bdim")[0], 4.0 * len(heard), 4.0 * len(heard) + 4)]
    assert heard_cadence(more, 4.0 * len(heard), parse_key(key)) == cadence
    assert heard_cadence(heard, 0.0, parse_key(key)) is None
