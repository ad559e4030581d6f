"""The door: two cuts to segments of kept picture and a list of changes."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from v2m_bridge.timeline.changes.align import best_path
from v2m_bridge.timeline.changes.candidates import Candidates
from v2m_bridge.timeline.changes.classify import classify
from v2m_bridge.timeline.changes.evidence import SOURCE_TOLERANCE_FRAMES, Rarity, ShotMatch, Trust, learn, shifts_of
from v2m_bridge.timeline.changes.model import CutChanges, KeptSegment
from v2m_bridge.timeline.changes.spans import Span, common_scale, spans_of
from v2m_bridge.timeline.model import Timeline

ROUNDS = 6
"""Alignments; each learns from the one before how far names, media, positions and lengths can be trusted."""


def compare_cuts(old: Timeline, new: Timeline, hints: Mapping[int, Sequence[ShotMatch]] | None = None) -> CutChanges:
    """Find the kept picture of two cuts of one film.

    Source ranges in media of the same key (versions stripped) speak loudest; where keys, names or handles changed,
    lengths and order of the shots take over, and what they match teaches which file became which.

    Args:
        hints: hypotheses by new shot from other evidence (pictures), with their own score.
    """
    scale = common_scale(old, new)
    old_spans, new_spans = spans_of(old, scale), spans_of(new)
    matches = align_spans(old_spans, new_spans, hints or {})
    segments = _segments(matches, scale)
    changes = classify(matches, old_spans, new_spans, scale)
    return CutChanges(old.duration_frames, new.duration_frames, new.rate, segments, changes)


def unnamed_shots(old: Timeline, new: Timeline) -> tuple[list[int], list[int]]:
    """Indices of old and new shots whose media, version aside, the other cut does not have."""
    old_spans, new_spans = spans_of(old), spans_of(new)
    old_keys, new_keys = {s.media for s in old_spans}, {s.media for s in new_spans}
    return (
        [s.index for s in old_spans if s.media not in new_keys and not s.black],
        [s.index for s in new_spans if s.media not in old_keys and not s.black],
    )


def align_spans(old: Sequence[Span], new: Sequence[Span], hints: Mapping[int, Sequence[ShotMatch]]) -> list[ShotMatch]:
    """Matches in order of the new cut; see :func:`compare_cuts`."""
    if not old or not new:
        return []
    rarity = Rarity(old, new)
    first = trust = _first_trust(old, new, rarity)
    matches: list[ShotMatch] = []
    stretch = old[-1].end / max(1, new[-1].end)
    for _ in range(ROUNDS):
        finder = Candidates(old, rarity, trust)
        expected = [_expected(span, matches, stretch) for span in new]
        found = [finder.of(s, e, hints.get(s.index, ())) for s, e in zip(new, expected, strict=True)]
        path = best_path(found, [(s.start, s.end) for s in new])
        learnt = learn(path, rarity, trust, first)
        if _places(path) == _places(matches) and learnt == trust:
            break
        matches, trust = path, learnt
    return [_unslipped(m) for m in matches]


def _unslipped(match: ShotMatch) -> ShotMatch:
    """A slipped shot as what it still shows of the old shot."""
    if not match.slip:
        return match
    start = max(match.new_start, match.new_start - match.slip)
    end = min(match.new_end, match.new_end - match.slip)
    shift = match.old_start - match.new_start + match.slip
    return replace(match, old_start=start + shift, old_end=end + shift, new_start=start, new_end=end, slip=0)


def _first_trust(old: Sequence[Span], new: Sequence[Span], rarity: Rarity) -> Trust:
    """Before anything is matched: a kind of evidence is worth what share of the new shots could agree at all."""
    lengths = {s.length for s in old}
    pictures = [s for s in new if not s.black]
    if not pictures:
        return Trust()

    def known(keys: Sequence[str], tokens: Sequence[frozenset[str]], by: Mapping[str, int]) -> float:
        rare = sum(
            1
            for key, words in zip(keys, tokens, strict=True)
            if by.get(key) or any(0 < rarity.token[t] <= max(1, rarity.shots // 8) for t in words)
        )
        return min(0.9, max(0.05, rare / max(1, len(keys))))

    named = [s for s in pictures if s.name]
    return Trust(
        media=known([s.media for s in pictures], [s.media_tokens for s in pictures], rarity.media),
        name=known([s.name for s in named], [s.name_tokens for s in named], rarity.name),
        source=0.9,
        length=min(0.85, max(0.3, sum(s.length in lengths for s in pictures) / len(pictures))),
        shifts=_first_shifts(pictures, rarity),
        positions=not (_is_finished_film(old) and _is_finished_film(new)),
    )


def _is_finished_film(spans: Sequence[Span]) -> bool:
    """Whether one file runs under all shots without a single jump."""
    return len(spans) > 1 and all(
        a.media == b.media and abs(a.source_at(a.end) - b.source) < SOURCE_TOLERANCE_FRAMES for a, b in pairwise(spans)
    )


def _first_shifts(new: Sequence[Span], rarity: Rarity) -> tuple[float, ...]:
    """From shots of one length in media of one key."""
    pairs = ((o, n) for n in new for o in rarity.by_media.get(n.media, ()) if o.length == n.length and not o.black)
    return shifts_of(Counter(round(n.source - o.source) for o, n in pairs))


def _expected(span: Span, matches: Sequence[ShotMatch], stretch: float) -> list[float]:
    """Old frames at which a new shot may start, from the matches before and after it (not its own)."""
    if not matches:
        return [span.start * stretch]
    place = bisect_right([m.new_start for m in matches], span.start)
    before = next((m for m in reversed(matches[:place]) if m.new is not span), None)
    after = next((m for m in matches[max(0, place - 1) :] if m.new.index > span.index), None)
    found: list[float] = []
    if before:
        found += [before.old_end + span.start - before.new_end, before.old_end, float(before.old.end)]
    if after:
        found += [after.old_start + span.start - after.new_start, float(after.old.start - span.length)]
    return list(dict.fromkeys(max(0.0, f) for f in found)) or [span.start * stretch]


def _places(matches: Sequence[ShotMatch]) -> list[tuple[int, int, int, int]]:
    return [(m.new_start, m.new_end, round(m.old_start), m.slip) for m in matches]


def _segments(matches: Sequence[ShotMatch], scale: Fraction) -> tuple[KeptSegment, ...]:
    """Joined where both cuts go on without a break, in the old cut's own frames."""
    found: list[KeptSegment] = []
    for m in matches:
        a, b = (round(Fraction(round(f)) / scale) for f in (m.old_start, m.old_end))
        if b <= a:
            continue
        part = KeptSegment(a, b, m.new_start, m.new_end)
        last = found[-1] if found else None
        goes_on = last is not None and last.new_end == part.new_start and last.old_end == a
        if last and goes_on and not last.retimed and not part.retimed:
            found[-1] = KeptSegment(last.old_start, b, last.new_start, part.new_end)
        else:
            found.append(part)
    return tuple(found)
