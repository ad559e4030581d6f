"""Which old pictures a new shot may show: by source range, by key, by length, by neighbours."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from v2m_bridge.timeline.changes.evidence import Rarity, ShotMatch, Trust, weigh
from v2m_bridge.timeline.changes.spans import Span

MOST_MATCHES = 14
"""Hypotheses kept for one new shot."""
MOST_BY_LENGTH = 24
LEAST_FRAMES = 2
"""A shorter overlap of source ranges is chance."""
SNAP_FRAMES = 1.0
SLIP_SHARE = 0.7


class Candidates:
    """Finds the hypotheses of every new shot.

    Args:
        old: spans of the old cut.
        expected: new frame -> old frame that the alignment so far suggests; the first time the straight line.
    """

    def __init__(self, old: Sequence[Span], rarity: Rarity, trust: Trust) -> None:
        self._old = old
        self._starts = [s.start for s in old]
        self._rarity = rarity
        self._trust = trust
        self._became = _became(trust)

    def of(self, new: Span, expected: Sequence[float], hints: Sequence[ShotMatch] = ()) -> list[ShotMatch]:
        """The best hypotheses for one new shot, weighed.

        Args:
            expected: old frames at which the shot may start; each is tried as it is.
            hints: hypotheses from elsewhere, such as the pictures themselves.
        """
        by_source = list(self._by_source(new))
        rivals = len({m.old.index for m in by_source})
        found: dict[tuple[int, int, int], ShotMatch] = {}
        for match in (
            *by_source,
            *hints,
            *self._at(new, expected),
            *self._by_length(new, expected),
            *self._by_key(new),
        ):
            place = (match.old.index, round(match.old_at(new.start)) + match.slip, round(1000 * match.slope))
            if place not in found:
                score = weigh(match, self._rarity, self._trust, rivals) + match.score
                found[place] = replace(match, score=score)
        best = sorted(found.values(), key=lambda m: (-m.score, _distance(m, expected)))
        return best[:MOST_MATCHES]

    def _same_media(self, new: Span) -> list[Span]:
        keys = {new.media, *self._became.get(new.media, ())}
        found = {s.index: s for key in keys for s in self._rarity.by_media.get(key, ())}
        for token in new.media_tokens:
            for span in self._rarity.by_token.get(token, ()):
                if self._rarity.key_share(span.media, new.media, span.media_tokens, new.media_tokens):
                    found[span.index] = span
        return list(found.values())

    def _by_source(self, new: Span) -> Iterator[ShotMatch]:
        if new.black or not self._trust.positions:
            return
        for old in self._same_media(new):
            own = self._trust.files.get((old.media, new.media))
            for shift in self._trust.shifts if own is None else (own,):
                match = overlap(old, new, shift)
                if match:
                    yield match

    def _by_key(self, new: Span) -> Iterator[ShotMatch]:
        """Shots of the same name: head on head, and tail on tail."""
        if new.black:
            return
        close = {s.index: s for t in new.media_tokens | new.name_tokens for s in self._rarity.by_token.get(t, ())}
        for old in close.values():
            yield from aligned(old, new)

    def _by_length(self, new: Span, expected: Sequence[float]) -> Iterator[ShotMatch]:
        same = self._rarity.by_length.get(new.length, [])
        near = sorted(same, key=lambda s: min(abs(s.start - e) for e in expected))
        for old in near[:MOST_BY_LENGTH]:
            yield ShotMatch(old, new, old.start, old.end, new.start, new.end)
            if self._trust.positions and old.speed == new.speed != 0 and not old.black:
                for shift in self._trust.shifts:
                    slip = slipped(old, new, round((new.source - shift - old.source) / old.speed))
                    if slip:
                        yield slip

    def _at(self, new: Span, expected: Sequence[float]) -> Iterator[ShotMatch]:
        """What the old cut shows where the neighbours say that this shot came from, and the shots beside it."""
        for start in expected:
            first = max(0, bisect_right(self._starts, start) - 1)
            for old in self._old[max(0, first - 1) : first + 3]:
                if old.black != new.black:
                    continue
                match = shifted(old, new, round(start) - new.start)
                if match:
                    yield match
                yield from aligned(old, new)


def overlap(old: Span, new: Span, shift: float = 0.0) -> ShotMatch | None:
    """The part of a new shot whose source range the old shot shows too.

    Args:
        shift: source frames by which the new media starts earlier than the old one.
    """
    if old.speed == 0 or new.speed == 0:
        still = old.speed == new.speed and abs(new.source - shift - old.source) < LEAST_FRAMES
        return shifted(old, new, old.start - new.start) if still else None
    slope = new.speed / old.speed
    if slope <= 0:
        return None
    base = old.start + (new.source - shift - old.source) / old.speed  # old position of the new shot's first frame
    if slope == 1:
        return slipped(old, new, _snapped(base, old, new) - old.start) or shifted(
            old, new, _snapped(base, old, new) - new.start
        )
    first = max(0.0, (old.start - base) / slope)
    last = min(float(new.length), (old.end - base) / slope)
    a, b = new.start + round(first), new.start + round(last)
    if b - a < LEAST_FRAMES:
        return None
    return ShotMatch(old, new, base + (a - new.start) * slope, base + (b - new.start) * slope, a, b)


def _snapped(base: float, old: Span, new: Span) -> int:
    """Whole frame; a position between two frames goes to the one at which the shots' heads or tails meet."""
    if abs(base - round(base)) > 0.1:
        for place in (old.start, old.end - new.length):
            if abs(base - place) < SNAP_FRAMES:
                return place
    return round(base)


def shifted(old: Span, new: Span, shift: int) -> ShotMatch | None:
    """The part of the new shot that lies over the old one when it is moved by ``shift`` frames."""
    a, b = max(new.start, old.start - shift), min(new.end, old.end - shift)
    if b - a < min(LEAST_FRAMES, old.length, new.length):
        return None
    return ShotMatch(old, new, a + shift, b + shift, a, b)


def slipped(old: Span, new: Span, slip: int) -> ShotMatch | None:
    """The whole of two shots of one length whose pictures are ``slip`` frames apart, if most of them is the same."""
    if old.length != new.length or not 0 < abs(slip) <= SLIP_SHARE * new.length:
        return None
    return ShotMatch(old, new, old.start, old.end, new.start, new.end, slip=slip)


def aligned(old: Span, new: Span) -> Iterator[ShotMatch]:
    """Head on head and tail on tail."""
    for shift in {old.start - new.start, old.end - new.end}:
        match = shifted(old, new, shift)
        if match:
            yield match


def _became(trust: Trust) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for old, new in trust.files:
        found.setdefault(new, []).append(old)
    return found


def _distance(match: ShotMatch, expected: Sequence[float]) -> float:
    return min((abs(match.old_at(match.new.start) - e) for e in expected), default=0.0)
