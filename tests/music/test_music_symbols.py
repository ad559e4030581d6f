"""Chord symbols: what musicians write, spelled for the key, and read back."""

from __future__ import annotations

import pytest

from v2m_bridge.errors import InputError
from v2m_bridge.music.chords import N_CHORDS, NO_CHORD, Chord, parse_label
from v2m_bridge.music.keys import Key, parse_key
from v2m_bridge.music.locks import parse_lock, parse_locks, parse_primer
from v2m_bridge.music.symbols import parse_symbol

KEYS = [Key(tonic, minor) for tonic in range(12) for minor in (False, True)]


@pytest.mark.parametrize("key", KEYS, ids=lambda k: k.name)
def test_every_chord_survives_its_symbol_and_its_label_in_every_key(key: Key) -> None:
    for chord_id in range(N_CHORDS):
        chord = Chord.from_id(chord_id)
        assert parse_symbol(key.symbol(chord)) == chord
        assert parse_symbol(chord.label) == chord == parse_label(chord.label)
        assert key.symbol(chord).isascii()


@pytest.mark.parametrize(
    ("key", "label", "symbol"),
    [
        ("A minor", "F#:hdim7", "F#m7b5"),
        ("A minor", "A#:maj7", "Bbmaj7"),
        ("A minor", "G#:dim7", "G#dim7"),
        ("C major", "G#:maj", "Ab"),
        ("C major", "D#:maj", "Eb"),
        ("C major", "C#:dim7", "C#dim7"),
        ("C minor", "D#:maj", "Eb"),
        ("C minor", "A#:7", "Bb7"),
        ("F minor", "C#:maj7", "Dbmaj7"),
        ("E major", "G#:min", "G#m"),
        ("E major", "D:maj", "D"),
        ("Eb major", "G#:maj", "Ab"),
        ("Eb major", "A:dim7", "Adim7"),
        ("Bb minor", "F#:maj", "Gb"),
        ("D major", "F:maj", "F"),
        ("B minor", "A#:dim", "A#dim"),
        ("G minor", "F#:dim7", "F#dim7"),
        ("G minor", "D#:maj", "Eb"),
    ],
)
def test_roots_are_spelled_for_the_key(key: str, label: str, symbol: str) -> None:
    assert parse_key(key).symbol(parse_label(label)) == symbol


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Am7", "A:min7"),
        ("A-7", "A:min7"),
        ("CM7", "C:maj7"),
        ("CMaj7", "C:maj7"),
        ("CΔ", "C:maj7"),
        ("Bø", "B:hdim7"),
        ("B♭maj7", "A#:maj7"),
        ("F♯m7b5", "F#:hdim7"),
        ("Gsus", "G:sus4"),
        ("C+", "C:aug"),
        ("C°7", "C:dim7"),
        ("Cb", "B:maj"),
        ("E#m", "F:min"),
        ("Bbb", "A:maj"),
        ("N.C.", "N"),
    ],
)
def test_other_spellings_are_read(text: str, label: str) -> None:
    assert parse_symbol(text).label == label


@pytest.mark.parametrize("text", ["", "H", "Am9", "C/E", "c", "Xm", "Cmajj", "A:foo", "C 7"])
def test_unknown_symbols_are_refused_with_their_place(text: str) -> None:
    with pytest.raises(InputError, match="bar 3: ") as refusal:
        parse_symbol(text, "bar 3")
    assert repr(text) in refusal.value.message
    assert refusal.value.hint


def test_primer_and_locks() -> None:
    assert [c.label for c in parse_primer("C Am, F | G7")] == ["C:maj", "A:min", "F:maj", "G:7"]
    lock = parse_lock("12.5=Dm7")
    assert (lock.seconds, lock.chord.label) == (12.5, "D:min7")
    assert parse_lock("1:02.5=N.C.").seconds == 62.5
    assert parse_lock("1:02.5=N.C.").chord == NO_CHORD
    assert [k.seconds for k in parse_locks(["9=C", "3=Am", "9=C"])] == [3, 9, 9]


@pytest.mark.parametrize(
    ("call", "text", "words"),
    [
        (parse_primer, "C Am Q G", r"chord 3 of 4: 'Q'"),
        (parse_primer, "  ", "no chord"),
        (parse_lock, "12.5", "seconds=chord"),
        (parse_lock, "-1=C", "seconds=chord"),
        (parse_lock, "nan=C", "seconds=chord"),
        (parse_lock, "12.5=Zz", r"--lock 12\.5: 'Zz'"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_named(call, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        call(text)


def test_two_chords_at_one_time_are_refused() -> None:
    with pytest.raises(InputError, match="two chords at 3 s"):
        parse_locks(["3=C", "3=Am"])
