"""Music under dialogue, on parts whose notes are known."""

from __future__ import annotations

from statistics import fmean

from v2m_bridge.music.arrangement import ArrangeRequest, Control, Note, Part
from v2m_bridge.music.chords import ChordEvent, parse_label
from v2m_bridge.music.keys import parse_key
from v2m_bridge.music.under_speech import VOICE_BAND, under_speech
from v2m_bridge.timing.tempo import TempoMap

TEMPO = TempoMap.constant(120.0)
END = 32.0
SPEECH = ((4.0, 7.0), (7.4, 10.0))  # beats 8..14 and 14.8..20; the pause between is too short to come back


def part(role: str, notes: list[Note], controls: tuple[Control, ...] = ()) -> Part:
    return Part(role, role, 0, 48, tuple(notes), controls)


def request(amount: float) -> ArrangeRequest:
    chords = [ChordEvent(parse_label(label), 4.0 * n, 4.0 * n + 4) for n, label in enumerate(["C:maj", "A:min"] * 4)]
    return ArrangeRequest(
        chords, list(TEMPO.bars(END)), (), (), parse_key("C major"), END, TEMPO, speech=SPEECH, under_dialogue=amount
    )


FIGURE = part("figure", [Note(n / 2, 0.4, 72, 80) for n in range(64)])
CHORDS = part("chords", [Note(float(n), 1.0, 60, 70) for n in range(32)])
MELODY = part("melody", [Note(float(n), 1.0, pitch, 90) for n, pitch in enumerate([76] * 31 + [50])])
HITS = part("hits", [Note(8.0, 1.0, 40, 100), Note(12.0, 1.0, 40, 100)])


def spoken(part: Part) -> list[Note]:
    return [note for note in part.notes if 8 <= note.start_beat < 20]


def test_under_speech_there_are_fewer_softer_and_longer_notes_and_nothing_changes_elsewhere() -> None:
    figure, chords = under_speech([FIGURE, CHORDS], request(0.6))
    assert len(spoken(figure)) == 3 and len(spoken(FIGURE)) == 24
    assert fmean(note.velocity for note in spoken(figure)) <= 80 - 17.2  # 6 dB
    assert [note.length_beats for note in spoken(chords)] == [4.0, 4.0, 4.0]
    for thinned, whole in ((figure, FIGURE), (chords, CHORDS)):
        outside = [note for note in thinned.notes if not 7.6 <= note.start_beat < 20]
        assert outside == [note for note in whole.notes if not 7.6 <= note.start_beat < 20]


def test_the_melody_leaves_the_band_of_the_voice() -> None:
    low = part("melody", [*MELODY.notes, Note(9.0, 1.0, 50, 90)])
    (melody,) = under_speech([low], request(0.3))
    assert [note.pitch for note in spoken(melody)] == [50]
    sounding = [note for note in melody.notes if note.start_beat < 7.7 < note.end_beat and note.pitch >= VOICE_BAND[0]]
    assert not sounding


def test_hits_stay_where_they_are() -> None:
    (hits,) = under_speech([HITS], request(1.0))
    assert [note.start_beat for note in hits.notes] == [8.0, 12.0]
    assert all(note.velocity < 100 for note in hits.notes)


def test_expression_goes_down_and_comes_back() -> None:
    swell = part(
        "swell", [Note(0.0, 32.0, 60, 70)], (Control(0.0, 11, 100), Control(10.0, 11, 90), Control(26.0, 11, 100))
    )
    (lowered,) = under_speech([swell], request(0.6))
    values = {control.beat: control.value for control in lowered.controls}
    assert values[0.0] == 100 and values[26.0] == 100 and values[10.0] < 75
    assert values[20.0] == 90 and min(values.values()) < 75


def test_amount_0_and_silence_change_nothing() -> None:
    parts = (FIGURE, CHORDS, MELODY, HITS)
    assert under_speech(parts, request(0.0)) == parts
    more = [sum(len(p.notes) for p in under_speech(parts, request(amount))) for amount in (0.1, 0.3, 0.6, 1.0)]
    assert more == sorted(more, reverse=True) and more[-1] < more[0]
