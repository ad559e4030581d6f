"""Where a part's MIDI is divided into items, so that an edit of one passage leaves all others to the next import.

Items begin on bar lines: at sections, at markers of the edit, at hits that must land, and at least every
:data:`LONGEST_BARS` bars, there at a phrase where one begins. All parts are divided at the same places.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from v2m_bridge.music.arrangement import Control, Note, Part
from v2m_bridge.score.cue_facts import CueFacts
from v2m_bridge.score.model import Score
from v2m_bridge.timing.rates import frame_to_seconds
from v2m_bridge.timing.tempo import Bar

LONGEST_BARS = 32
EARLIEST_BARS = 16
"""A stretch that is too long is divided at the last phrase that begins this many bars or more behind its start."""

SWITCHES = range(64, 70)
"""Pedals: a controller that is on or off holds its value until the next one, all others glide to it."""


@dataclass(frozen=True)
class PartSection:
    """What a part plays from ``start_beat`` until ``end_beat``; its last notes may ring on behind that."""

    start_beat: float
    end_beat: float
    notes: tuple[Note, ...]
    controls: tuple[Control, ...]


def section_edges(score: Score) -> tuple[float, ...]:
    """Beats at which items begin, the first of them 0; all lie on bar lines."""
    facts = CueFacts(score)
    bars = facts.bars
    if not bars:
        return (0.0,)
    wanted = [section.start_beat for section in score.sections]
    wanted += [hit.beat for hit in score.fit.hits if hit.must]
    wanted += [
        facts.tempo.beat_at(float(frame_to_seconds(marker.frame, facts.rate))) for marker in score.timeline.markers
    ]
    first = {0} | {_nearest_bar(bars, beat) for beat in wanted}
    phrases = [phrase.start_bar - 1 for phrase in score.form]
    return tuple(bars[index].start_beat for index in _divided(sorted(first), len(bars), phrases))


def _nearest_bar(bars: Sequence[Bar], beat: float) -> int:
    """Index of the bar that begins nearest to ``beat``; the end of the last bar begins none."""
    starts = [bar.start_beat for bar in bars]
    after = bisect_left(starts, beat)
    around = [index for index in (after - 1, after) if 0 <= index < len(bars)]
    return min(around, key=lambda index: abs(starts[index] - beat))


def _divided(edges: Sequence[int], bars: int, phrases: Sequence[int]) -> Iterator[int]:
    """The bars of ``edges``, with more between where they are too far apart."""
    for first, last in zip(edges, [*edges[1:], bars], strict=True):
        at = first
        yield at
        while last - at > LONGEST_BARS:
            inside = [p for p in phrases if at + EARLIEST_BARS <= p <= min(at + LONGEST_BARS, last - 1)]
            at = max(inside, default=at + LONGEST_BARS)
            yield at


def divide_part(
    part: Part, edges: Sequence[float], end_beat: float, text_beats: Sequence[float] = ()
) -> tuple[PartSection, ...]:
    """The part's sections that have notes or texts, each with its controllers.

    Each begins with the values that are in force there, and ends with those that its curves have reached.

    Args:
        part: one part of the score.
        edges: beats at which sections begin, ascending from 0.
        end_beat: end of the last section.
        text_beats: beats of what else lies in the part's items.
    """
    notes = sorted(part.notes)
    starts = [note.start_beat for note in notes]
    spans = [
        (first, last, notes[bisect_left(starts, first) : bisect_left(starts, last)])
        for first, last in zip(edges, [*edges[1:], end_beat], strict=True)
    ]
    if notes and notes[-1].start_beat >= end_beat:
        first, _, inside = spans.pop()
        spans.append((first, end_beat, [*inside, *notes[bisect_left(starts, end_beat) :]]))
    played = [span for span in spans if span[2] or any(span[0] <= beat < span[1] for beat in text_beats)]
    curves = _curves(part.controls)
    found = []
    for index, (first, last, inside) in enumerate(played):
        # where nothing new begins, the controllers go on as long as the last notes ring
        until = max([last, *(note.end_beat for note in inside)])
        if index + 1 < len(played):
            until = max(last, min(until, played[index + 1][0]))
        controls = sorted(control for curve in curves for control in _between(curve, first, until))
        found.append(PartSection(first, last, tuple(inside), tuple(controls)))
    return tuple(found)


def _curves(controls: Sequence[Control]) -> list[list[Control]]:
    """The changes of each controller by beat."""
    by_number: dict[int, list[Control]] = {}
    for control in sorted(controls, key=lambda c: c.beat):
        by_number.setdefault(control.number, []).append(control)
    return [by_number[number] for number in sorted(by_number)]


def _between(curve: Sequence[Control], first: float, last: float) -> Iterator[Control]:
    """The changes in ``[first, last)``, with the values that the curve has at both ends."""
    beats = [control.beat for control in curve]
    low, high = bisect_left(beats, first), bisect_left(beats, last)
    if low and (low == len(curve) or beats[low] > first):
        yield Control(first, curve[0].number, _value_at(curve, low, first))
    yield from curve[low:high]
    if high and high < len(curve) and curve[0].number not in SWITCHES:
        yield Control(last, curve[0].number, _value_at(curve, high, last))


def _value_at(curve: Sequence[Control], after: int, beat: float) -> int:
    """Value at ``beat``, which lies behind the change before index ``after`` and not behind that at it."""
    before = curve[after - 1]
    if after == len(curve) or before.number in SWITCHES:
        return before.value
    follows = curve[after]
    share = (beat - before.beat) / (follows.beat - before.beat)
    return round(before.value + share * (follows.value - before.value))
