"""Token ids of the chord networks: the 157 chords, then END and PAD, with their roots and qualities."""

from __future__ import annotations

from v2m_bridge.music.chords import N_CHORDS, QUALITIES, ROOTS

END_ID = N_CHORDS
"""157: the music is over."""

PAD_ID = N_CHORDS + 1
"""158: padding. Our network also starts every sequence with it."""

N_TOKENS = N_CHORDS + 2
"""159, the width of every network's output."""

END_ROOT, PAD_ROOT = len(ROOTS) + 1, len(ROOTS) + 2
END_QUALITY, PAD_QUALITY = len(QUALITIES) + 1, len(QUALITIES) + 2


def token_roots() -> tuple[int, ...]:
    """Root id of every token: N 0, C..B 1..12, END 13, PAD 14 (upstream's numbering)."""
    chords = tuple(1 + index // len(QUALITIES) for index in range(N_CHORDS - 1))
    return (0, *chords, END_ROOT, PAD_ROOT)


def token_qualities() -> tuple[int, ...]:
    """Quality id of every token: N 0, then 1 + position in ``QUALITIES``, END 14, PAD 15 (upstream's numbering)."""
    chords = tuple(1 + index % len(QUALITIES) for index in range(N_CHORDS - 1))
    return (0, *chords, END_QUALITY, PAD_QUALITY)
