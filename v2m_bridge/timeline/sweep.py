"""What is on screen at every frame: an occlusion sweep over all layers of an edit.

Readers flatten an edit, however nested, into pieces on layers. For every frame the sweep keeps the topmost opaque
piece, else the topmost overlay, else black. Then it joins through edits and lists the cuts. Apart from the sorting, the
work is linear in the number of pieces.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from v2m_bridge.timeline.model import Cut, CutKind, Shot

THROUGH_TOLERANCE_FRAMES = Fraction(1, 2)
"""Two pieces of one file are continuous if the source jumps by less than this; a jump cut jumps by a whole frame."""

FLATTENED_MIN_JOINS = 5
FLATTENED_SHARE = Fraction(2, 3)
"""With at least this many through edits, and at least this share of all changes, the edit is a finished film that was
cut up at its scene changes ("detect scene cuts"). Its through edits then count as cuts."""


@dataclass(frozen=True)
class Piece:
    """One clip as it lies on its layer, ``[start_frame, end_frame)`` on the timeline.

    Attributes:
        layer: higher covers lower.
        opaque: whether it hides what lies below; titles, adjustment and half transparent clips do not.
        source_start_s: seconds from the first frame of the media to the piece's first frame.
        speed: media seconds per timeline second.
        take: name that identifies the footage where ``media`` is None (an offline clip); empty: unknown.
        part: which part or view of the footage is used (camera angle, subclip); two shots of different parts do not
            continue each other.
    """

    start_frame: int
    end_frame: int
    layer: int
    opaque: bool = True
    media: str | None = None
    media_online: bool = False
    source_start_s: Fraction = Fraction(0)
    speed: Fraction = Fraction(1)
    name: str = ""
    take: str = ""
    part: str = ""


@dataclass(frozen=True)
class Blend:
    """A transition on ``layer`` around the edit point ``frame``, covering ``[start_frame, end_frame)``."""

    frame: int
    start_frame: int
    end_frame: int
    layer: int
    kind: CutKind = CutKind.DISSOLVE


@dataclass(frozen=True)
class Sweep:
    """What the audience sees.

    Attributes:
        shots: without gaps from frame 0 to the end.
        cuts: the changes between the shots.
        joined: number of through edits.
        flattened: whether the through edits count as cuts, because the edit is a finished film that was cut up.
    """

    shots: tuple[Shot, ...]
    cuts: tuple[Cut, ...]
    joined: int = 0
    flattened: bool = False


@dataclass(frozen=True)
class _Span:
    """A run of frames that shows ``piece`` (None: black); ``last`` is the last of several pieces that were joined."""

    start_frame: int
    end_frame: int
    piece: Piece | None
    last: Piece | None


def sweep(pieces: Sequence[Piece], blends: Sequence[Blend], duration_frames: int, rate: Fraction) -> Sweep:
    """Flatten pieces to shots and cuts.

    Args:
        pieces: in any order; where two of one layer overlap, the one that starts later shows.
        blends: transitions; those without a visible change count for nothing.
        duration_frames: length of the timeline; pieces are clipped to ``[0, duration_frames)``.
        rate: frames per second of the timeline.
    """
    spans = list(_visible(pieces, duration_frames))
    joins = [_is_through_edit(a, b, rate) for a, b in itertools.pairwise(spans)]
    changes = sum(1 for a, b in itertools.pairwise(spans) if a.piece and b.piece)
    joined = sum(joins)
    flattened = joined >= FLATTENED_MIN_JOINS and joined >= FLATTENED_SHARE * changes
    if not flattened:
        spans = _join(spans, joins)
    at_frame = _blends_by_frame(blends)
    shots = tuple(_shot(span, rate) for span in spans)
    cuts = tuple(_cut(a, b, at_frame, duration_frames) for a, b in itertools.pairwise(spans))
    return Sweep(shots, cuts, joined, flattened)


def _visible(pieces: Sequence[Piece], duration_frames: int) -> Iterator[_Span]:
    """Spans in order of time, without gaps; a piece that has ended is removed when it reaches the top of its heap."""
    order = sorted((p for p in pieces if p.end_frame > p.start_frame), key=lambda p: p.start_frame)
    edges = {0, duration_frames}
    edges.update(f for p in order for f in (p.start_frame, p.end_frame) if 0 < f < duration_frames)
    opaque: list[tuple[int, int, int]] = []
    overlays: list[tuple[int, int, int]] = []
    upcoming = 0
    open_span: _Span | None = None
    for start, end in itertools.pairwise(sorted(edges)):
        while upcoming < len(order) and order[upcoming].start_frame <= start:
            piece = order[upcoming]
            heapq.heappush(opaque if piece.opaque else overlays, (-piece.layer, -upcoming, piece.end_frame))
            upcoming += 1
        top = _top(opaque, start, order) or _top(overlays, start, order)
        if open_span and open_span.piece is top:
            open_span = replace(open_span, end_frame=end)
        else:
            if open_span:
                yield open_span
            open_span = _Span(start, end, top, top)
    if open_span:
        yield open_span


def _top(heap: list[tuple[int, int, int]], frame: int, order: Sequence[Piece]) -> Piece | None:
    while heap and heap[0][2] <= frame:
        heapq.heappop(heap)
    return order[-heap[0][1]] if heap else None


def _source_at(span: _Span, frame: int, rate: Fraction) -> Fraction:
    assert span.piece is not None
    return span.piece.source_start_s + (frame - span.piece.start_frame) / rate * span.piece.speed


def _is_through_edit(before: _Span, after: _Span, rate: Fraction) -> bool:
    """Whether the picture runs on across the edit point: same footage, same speed, continuous source."""
    a, b = before.piece, after.piece
    if a is None or b is None or a.speed != b.speed or a.part != b.part:
        return False
    same_media = a.media == b.media if a.media or b.media else a.take == b.take != ""
    if not same_media:
        return False
    jump = _source_at(after, after.start_frame, rate) - _source_at(before, before.end_frame, rate)
    return abs(jump) * rate < THROUGH_TOLERANCE_FRAMES


def _join(spans: Sequence[_Span], joins: Sequence[bool]) -> list[_Span]:
    kept = list(spans[:1])
    for span, through in zip(spans[1:], joins, strict=True):
        if through:
            kept[-1] = replace(kept[-1], end_frame=span.end_frame, last=span.piece)
        else:
            kept.append(span)
    return kept


def _shot(span: _Span, rate: Fraction) -> Shot:
    piece = span.piece
    if piece is None:
        return Shot(span.start_frame, span.end_frame)
    return Shot(
        start_frame=span.start_frame,
        end_frame=span.end_frame,
        media=piece.media,
        media_online=piece.media_online,
        source_start_s=max(0.0, float(_source_at(span, span.start_frame, rate))),
        speed=float(piece.speed),
        name=piece.name,
    )


def _blends_by_frame(blends: Sequence[Blend]) -> dict[int, list[Blend]]:
    found: dict[int, list[Blend]] = {}
    for blend in blends:
        found.setdefault(blend.frame, []).append(blend)
    return found


def _cut(before: _Span, after: _Span, blends: dict[int, list[Blend]], duration_frames: int) -> Cut:
    """The cut from ``before`` to ``after``, with the topmost transition on the layer of either."""
    frame = after.start_frame
    layers = {piece.layer for piece in (before.last, after.piece) if piece}
    here = [b for b in blends.get(frame, ()) if b.layer in layers and b.end_frame > b.start_frame]
    if not here:
        return Cut(frame, CutKind.CUT, frame, frame)
    blend = max(here, key=lambda b: b.layer)
    black = before.piece is None or after.piece is None
    kind = CutKind.FADE if black and blend.kind is CutKind.DISSOLVE else blend.kind
    return Cut(frame, kind, max(0, blend.start_frame), min(duration_frames, blend.end_frame))
