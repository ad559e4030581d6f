"""What happened to each shot, in the editor's words, from the matches of two cuts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise

from v2m_bridge.timeline.changes.evidence import ShotMatch
from v2m_bridge.timeline.changes.model import Change, ChangeKind
from v2m_bridge.timeline.changes.spans import Span

LEAST_FRAMES = 1


def classify(
    matches: Sequence[ShotMatch], old: Sequence[Span], new: Sequence[Span], scale: Fraction = Fraction(1)
) -> tuple[Change, ...]:
    """Changes in order of the new cut, what is gone at its old place among them.

    Shots that stay where and what they were give no entry. A run of whole shots that moved together gives one.
    """
    found: list[tuple[float, Change]] = []
    by_new = _grouped(matches)
    splits = _splits(matches)
    split = frozenset(index for index, _, _ in splits)
    for span in new:
        for change in _of_new_shot(span, by_new.get(span.index, []), split):
            found.append((change.new[0] if change.new else span.start, change))
    found += [
        (_place_of_gone(a, matches), Change(ChangeKind.GONE, (a, b), None, name)) for a, b, name in _gone(matches, old)
    ]
    found += [(place, change) for _, place, change in splits]
    found += [(c.new[0], c) for c in _moves(matches) if c.new]
    order = list(ChangeKind)
    changes = (c for _, c in sorted(found, key=lambda e: (e[0], order.index(e[1].kind))))
    return tuple(_unscaled(c, scale) for c in changes)


def _grouped(matches: Iterable[ShotMatch]) -> dict[int, list[ShotMatch]]:
    groups: dict[int, list[ShotMatch]] = defaultdict(list)
    for match in matches:
        groups[match.new.index].append(match)
    return groups


def _of_new_shot(span: Span, matches: Sequence[ShotMatch], split: frozenset[int]) -> Iterable[Change]:
    """``split``: old shots that became several; their parts are not called trimmed."""
    name = _name(span)
    frame = span.start
    for match in (*matches, None):
        end = match.new_start if match else span.end
        if end > frame:
            yield Change(ChangeKind.NEW, None, (frame, end), name)
        frame = match.new_end if match else end
    for match in matches:
        kind = _kind(match)
        if kind and not (match.old.index in split and kind in _TRIMS):
            yield Change(kind, _old_range(match), (match.new_start, match.new_end), name)


_TRIMS = (ChangeKind.HEAD_TRIMMED, ChangeKind.TAIL_TRIMMED)


def _name(span: Span) -> str:
    return span.raw.split("|")[-1]


def _kind(match: ShotMatch) -> ChangeKind | None:
    """What happened to the picture of one match, other than that it moved."""
    old, new = match.old, match.new
    if abs(match.slope - 1) > 1e-6:
        return ChangeKind.RETIMED
    head = match.old_start > old.start + 0.5 and match.new_start == new.start
    tail = match.old_end < old.end - 0.5 and match.new_end == new.end
    if (head or tail) and old.length == new.length:
        return ChangeKind.SLIPPED
    if head or tail:
        return ChangeKind.HEAD_TRIMMED if head else ChangeKind.TAIL_TRIMMED
    if old.raw != new.raw and old.media == new.media and old.name == new.name and old.raw:
        return ChangeKind.VFX_ONLY
    return None


def _old_range(match: ShotMatch) -> tuple[int, int]:
    return round(match.old_start), round(match.old_end)


def _gone(matches: Sequence[ShotMatch], old: Sequence[Span]) -> Iterable[tuple[int, int, str]]:
    """Old picture that the new cut does not show, shot by shot."""
    used: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for match in matches:
        used[match.old.index].append(_old_range(match))
    for span in old:
        frame = span.start
        for a, b in sorted(used.get(span.index, [])):
            if a - frame >= LEAST_FRAMES:
                yield frame, a, _name(span)
            frame = max(frame, b)
        if span.end - frame >= LEAST_FRAMES:
            yield frame, span.end, _name(span)


def _place_of_gone(frame: int, matches: Sequence[ShotMatch]) -> float:
    """Where in the new cut the old frame would come: after the match that ends nearest before it."""
    before = [m for m in matches if m.old_end <= frame + 0.5]
    return max(before, key=lambda m: m.old_end).new_end - 0.5 if before else -0.5


def _splits(matches: Sequence[ShotMatch]) -> list[tuple[int, float, Change]]:
    """Old shots of which two or more new shots show different parts."""
    parts: dict[int, list[ShotMatch]] = defaultdict(list)
    for match in matches:
        parts[match.old.index].append(match)
    found: list[tuple[int, float, Change]] = []
    for group in parts.values():
        group = sorted(group, key=lambda m: m.old_start)
        if len(group) < 2 or any(b.old_start < a.old_end - 0.5 for a, b in pairwise(group)):
            continue
        first, last = group[0], group[-1]
        span = first.old
        new = (min(m.new_start for m in group), max(m.new_end for m in group))
        name = _name(span)
        old = (round(first.old_start), round(last.old_end))
        found.append((span.index, float(new[0]), Change(ChangeKind.SPLIT, old, new, name)))
    return found


def _moves(matches: Sequence[ShotMatch]) -> Iterable[Change]:
    """Runs of picture that moved together; black gaps do not make a run of their own."""
    run: list[ShotMatch] = []
    for match in (*matches, None):
        if match and run and _shift(match) == _shift(run[-1]):
            run.append(match)
            continue
        if run and _shift(run[0]) != 0 and not all(m.old.black for m in run):
            yield _move(run)
        run = [match] if match else []


def _move(run: Sequence[ShotMatch]) -> Change:
    first, last = run[0], run[-1]
    name = _name(first.new)
    shots = len({m.new.index for m in run})
    more = f" and {shots - 1} more" if shots > 1 else ""
    old = (round(first.old_start), round(last.old_end))
    return Change(ChangeKind.MOVED, old, (first.new_start, last.new_end), name + more)


def _shift(match: ShotMatch) -> int:
    return round(match.new_start - match.old_start)


def _unscaled(change: Change, scale: Fraction) -> Change:
    if scale == 1 or change.old is None:
        return change
    a, b = (round(Fraction(f) / scale) for f in change.old)
    return Change(change.kind, (a, b), change.new, change.name)
