"""Chords that the user gives: the primer that opens the piece, and chords locked at a time."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from v2m_bridge.errors import InputError
from v2m_bridge.music.chords import Chord
from v2m_bridge.music.symbols import parse_symbol


@dataclass(frozen=True, order=True)
class LockedChord:
    """``chord`` must sound at ``seconds`` from the start of the timeline."""

    seconds: float
    chord: Chord


def parse_primer(text: str) -> tuple[Chord, ...]:
    """Read ``"C Am F G"``: symbols between spaces, commas or bar lines.

    Raises:
        InputError: no chord at all, or an unknown symbol (its place is in the message).
    """
    words = [word for word in re.split(r"[\s,|]+", text) if word]
    if not words:
        raise InputError(f"--primer {text!r} holds no chord", 'write it like --primer "C Am F G"')
    return tuple(parse_symbol(word, f"--primer, chord {n} of {len(words)}") for n, word in enumerate(words, 1))


def parse_lock(text: str) -> LockedChord:
    """Read ``"12.5=Dm7"``: seconds from the start of the timeline, ``=``, symbol. ``1:02.5=Dm7`` works too.

    Raises:
        InputError: no time, a time below 0, or an unknown symbol.
    """
    seconds_text, equals, symbol = text.partition("=")
    match = re.fullmatch(r"\s*(?:(\d{1,4}):)?(\d{1,6}(?:\.\d{1,9})?)\s*", seconds_text)
    if not equals or not match:
        raise InputError(f"--lock {text!r} is not seconds=chord", "write it like --lock 12.5=Dm7")
    seconds = int(match[1] or 0) * 60 + float(match[2])
    if not math.isfinite(seconds):
        raise InputError(f"--lock {text!r} has no finite time")
    return LockedChord(seconds, parse_symbol(symbol, f"--lock {seconds_text.strip()}"))


def parse_locks(texts: Sequence[str]) -> tuple[LockedChord, ...]:
    """Read every ``--lock``, in order of time.

    Raises:
        InputError: as :func:`parse_lock`, or two different chords at one time.
    """
    locks = sorted((parse_lock(text) for text in texts), key=lambda lock: lock.seconds)
    for before, after in itertools.pairwise(locks):
        if before.seconds == after.seconds and before.chord != after.chord:
            raise InputError(f"--lock gives two chords at {before.seconds:g} s", "keep one of them")
    return tuple(locks)
