"""Chords that the form asks for: cadences at the ends of phrases, an ending, and what phrases repeat.

All chords here are ids in the network's keys, C major and A minor.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random

from v2m_bridge.music.form import Form, Phrase
from v2m_bridge.music.locks import parse_primer
from v2m_bridge.sync.model import Slot

LAST_CHORD_S = 2.6
"""The last tonic sounds at least so long where the film has room for it."""
ROOM_SHARE = 0.25
"""At most this share of a short film is its last chord."""
SHORTEST_PHRASE_BARS = 4
"""Shorter phrases end without a cadence of their own."""
PLAGAL_SHARE = 0.2
"""Endings that come from the fourth degree instead of the fifth."""

LONG_PHRASE_BARS = 8
"""From here on a phrase has two halves that begin alike."""

_NEAR = 1e-3


@dataclass(frozen=True)
class Degrees:
    """Ids of the chords of a cadence."""

    tonic: int
    dominants: tuple[int, ...]
    subdominant: int
    sixth: int


def _degrees(*symbols: str) -> Degrees:
    tonic, dominants, subdominant, sixth = (tuple(chord.id for chord in parse_primer(each)) for each in symbols)
    return Degrees(tonic[0], dominants, subdominant[0], sixth[0])


MAJOR = _degrees("C", "G G7", "F", "Am")
MINOR = _degrees("Am", "E E7", "Dm", "F")


@dataclass(frozen=True)
class FormPlace:
    """The form over the slots of a film.

    Attributes:
        slots: contiguous from beat 0.
        bar_starts: beat at which bar 1, 2, ... begins.
        strong_beats: beats of must-hits that land, in order.
    """

    form: Form
    slots: Sequence[Slot]
    bar_starts: Sequence[float]
    strong_beats: Sequence[float] = ()

    def slot_at(self, beat: float) -> int:
        """Index of the slot that sounds at ``beat``."""
        return max(0, bisect_right(self.slots, beat + _NEAR, key=lambda slot: slot.start_beat) - 1)

    def start_of(self, phrase: Phrase) -> float:
        """Beat at which a phrase begins."""
        return self.bar_starts[min(phrase.start_bar, len(self.bar_starts)) - 1]

    def end_of(self, phrase: Phrase) -> float:
        """Beat at which a phrase ends."""
        after = phrase.start_bar - 1 + phrase.bars
        return self.bar_starts[after] if after < len(self.bar_starts) else self.slots[-1].end_beat


def planned_cadences(place: FormPlace, minor: bool, taken: Collection[int]) -> dict[int, int]:
    """Slot -> chord id of the ending and of the phrases' cadences.

    The first time a letter comes it ends on the dominant, later on the tonic; a B may go to the sixth degree instead.
    What is left to choose follows from the film's slots, so that every candidate of a film has the same.

    Args:
        taken: slots that the user or an older score has filled; no cadence touches them.
    """
    degrees, draw = (MINOR if minor else MAJOR), Random(f"cadence {[slot.start_beat for slot in place.slots]}")
    last = _ending_slot(place)
    planned = dict.fromkeys(range(last, len(place.slots)), degrees.tonic)
    dominant = degrees.dominants[draw.random() < 0.5]
    if last:
        planned[last - 1] = degrees.subdominant if draw.random() < PLAGAL_SHARE else dominant
    for phrase in place.form.phrases:
        chords = _cadence(phrase, degrees, draw)
        end = place.slot_at(place.end_of(phrase) - 2 * _NEAR)
        first = end - len(chords) + 1
        inside = first >= 0 and place.slots[first].start_beat >= place.start_of(phrase) - _NEAR
        if phrase.main and phrase.bars >= SHORTEST_PHRASE_BARS and inside and end < last - 2:
            planned.update(zip(range(first, end + 1), chords, strict=True))
    if set(range(last, len(place.slots))) & set(taken):
        planned = {slot: chord for slot, chord in planned.items() if slot < last - 1}
    return {slot: chord for slot, chord in planned.items() if slot not in taken}


def _cadence(phrase: Phrase, degrees: Degrees, draw: Random) -> tuple[int, ...]:
    dominant = degrees.dominants[draw.random() < 0.5]
    deceptive = draw.random() < 0.5
    if phrase.occurrence % 2 == 0 and phrase.letter != "B":
        return (degrees.dominants[0],)
    return (dominant, degrees.sixth if phrase.letter == "B" and deceptive else degrees.tonic)


def _ending_slot(place: FormPlace) -> int:
    """The slot from which on the last tonic sounds: long enough, and not through a must-hit."""
    slots = place.slots
    end_s = slots[-1].end_s
    wanted_s = min(LAST_CHORD_S, ROOM_SHARE * end_s)
    enough = [index for index, slot in enumerate(slots) if end_s - slot.start_s >= wanted_s - 1e-6]
    last = enough[-1] if enough else len(slots) - 1
    inside = [beat for beat in place.strong_beats if beat > slots[last].start_beat + _NEAR]
    return place.slot_at(inside[-1]) if inside else last


def planned_repeats(
    place: FormPlace, ids: Sequence[int], moods: Sequence[str | None], taken: Collection[int]
) -> dict[int, int]:
    """Slot -> chord id of what phrases repeat of the first one with their letter, and long ones of their first half.

    A slot repeats the chord that sounds at the same place there. It does not where its mood is another one, or where a
    cut would fall into the middle of one chord.

    Args:
        ids: of every slot as drawn.
        moods: of every slot.
        taken: slots that are filled.
    """
    chords = list(ids)
    planned: dict[int, int] = {}
    first: dict[str, Phrase] = {}
    for phrase in place.form.phrases:
        source = first.setdefault(phrase.letter, phrase)
        if not phrase.main:
            continue
        for index in range(place.slot_at(place.start_of(phrase)), len(place.slots)):
            slot = place.slots[index]
            if slot.start_beat >= place.end_of(phrase) - _NEAR:
                break
            beat = _same_place(place, phrase, source, slot.start_beat)
            if beat is None or index in taken or beat > slot.start_beat - _NEAR:
                continue
            there = place.slot_at(beat)
            hides_a_cut = slot.on_hit and index > 0 and chords[there] == chords[index - 1]
            if moods[there] == moods[index] and not hides_a_cut:
                chords[index] = planned[index] = chords[there]
    return planned


def _same_place(place: FormPlace, phrase: Phrase, source: Phrase, beat: float) -> float | None:
    """The beat of ``source`` that corresponds to ``beat`` of ``phrase``; None where ``source`` is shorter.

    In a phrase that is its own source, the bars of the second half correspond to those of the first, but the last one.
    """
    bar = bisect_right(place.bar_starts, beat + _NEAR) - phrase.start_bar
    into = beat - place.bar_starts[phrase.start_bar - 1 + bar]
    if source is phrase:
        half = phrase.bars // 2
        if phrase.bars < LONG_PHRASE_BARS or not half <= bar < phrase.bars - 1:
            return None
        bar -= half
    if not 0 <= bar < source.bars:
        return None
    there = place.bar_starts[source.start_bar - 1 + bar] + into
    return there if there < place.end_of(source) - _NEAR else None
