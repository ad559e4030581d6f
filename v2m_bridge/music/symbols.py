"""Reads chord symbols as musicians write them; :meth:`Key.symbol` writes them."""

from __future__ import annotations

import re

from v2m_bridge.errors import InputError
from v2m_bridge.music.chords import NO_CHORD, QUALITIES, Chord, parse_label

SYMBOL_SUFFIXES: dict[str, tuple[str, ...]] = {
    "maj": ("", "maj", "M", "ma", "major"),
    "min": ("m", "min", "mi", "-", "minor"),
    "dim": ("dim", "o", "°", "mb5", "m(b5)"),
    "aug": ("aug", "+", "#5", "(#5)"),
    "sus4": ("sus4", "sus", "4"),
    "sus2": ("sus2", "2"),
    "maj6": ("6", "maj6", "M6", "add6"),
    "min6": ("m6", "min6", "-6", "mi6"),
    "7": ("7", "dom7", "dom"),
    "maj7": ("maj7", "M7", "ma7", "j7", "Δ", "Δ7", "^7", "^"),
    "min7": ("m7", "min7", "mi7", "-7"),
    "hdim7": ("m7b5", "min7b5", "mi7b5", "-7b5", "m7(b5)", "ø", "ø7", "hdim7", "h7"),
    "dim7": ("dim7", "o7", "°7"),
}
"""Harte quality -> suffixes that mean it. Upper and lower case differ (``CM7`` is not ``Cm7``)."""

_QUALITY_OF_SUFFIX = {
    suffix: next(i for i, q in enumerate(QUALITIES) if q.harte == harte)
    for harte, suffixes in SYMBOL_SUFFIXES.items()
    for suffix in suffixes
}
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_NO_CHORD_WORDS = frozenset({"N", "NC", "N.C.", "N.C"})
_HINT = "write chords like C, Am, F#m7b5, Bbmaj7, Gsus4 or N.C.; qualities are " + " ".join(
    sorted(q.suffix or "maj" for q in QUALITIES)
)


def parse_symbol(text: str, place: str = "") -> Chord:
    """Read a musician's chord symbol or a Harte label into the 157-chord vocabulary.

    Args:
        text: ``"Am7"``, ``"F#m7b5"``, ``"B♭maj7"``, ``"N.C."``, ``"A:min7"``.
        place: where the symbol stands, for the message: ``"--primer, chord 3"``.

    Raises:
        InputError: not a chord of the vocabulary; the message names the place and the symbol.
    """
    where = f"{place}: " if place else ""
    word = text.strip().replace("♭", "b").replace("♯", "#")
    if word in _NO_CHORD_WORDS:
        return NO_CHORD
    if ":" in word:
        try:
            return parse_label(word)
        except InputError as error:
            raise InputError(where + error.message, error.hint) from None
    match = re.fullmatch(r"([A-G])((?:##?|bb?)?)([^/]*)(/.+)?", word)
    if not match:
        raise InputError(f"{where}{text!r} is not a chord symbol", _HINT)
    if match[4]:
        raise InputError(f"{where}{text!r} names a bass note", "leave the slash out: the bass line chooses inversions")
    quality = _quality(match[3])
    if quality is None:
        raise InputError(f"{where}{text!r} has the unknown quality {match[3]!r}", _HINT)
    accidental = match[2].count("#") - match[2].count("b")
    return Chord((_STEPS[match[1]] + accidental) % 12, quality)


def _quality(suffix: str) -> int | None:
    exact = _QUALITY_OF_SUFFIX.get(suffix)
    if exact is not None or len(suffix) < 3:
        return exact
    return _QUALITY_OF_SUFFIX.get(suffix.lower())
