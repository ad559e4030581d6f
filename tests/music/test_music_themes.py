"""Themes: development, singability, matching, the composer's own, and where they appear."""

from __future__ import annotations

from pathlib import Path

import mido
import pytest

from v2m_bridge.errors import InputError
from v2m_bridge.music.form import Form, Phrase
from v2m_bridge.music.keys import Key
from v2m_bridge.music.themes.development import Development, Setting, develop, moved_in_scale, scale_of, weighty
from v2m_bridge.music.themes.matching import find_theme
from v2m_bridge.music.themes.own import found_key, read_theme, theme_in_key
from v2m_bridge.music.themes.schedule import appearances
from v2m_bridge.music.themes.singability import melodiousness
from v2m_bridge.music.themes.theme import Theme, theme_from_beats

C_MAJOR = Key(0, False)
TUNE = [(0, 1, 64), (1, 0.5, 65), (1.5, 0.5, 67), (2, 2, 67), (4, 1, 65), (5, 1, 64), (6, 2, 62),
        (8, 1, 64), (9, 0.5, 65), (9.5, 0.5, 67), (10, 2, 72), (12, 1, 69), (13, 1, 67), (14, 2, 60)]  # fmt: skip
THEME = theme_from_beats(TUNE, [4.0] * 4)


def setting(bar_beats: tuple[float, ...] = (4.0,) * 4, register: tuple[int, int] = (57, 81)) -> Setting:
    chords = ((0, 4, 7), (7, 11, 2), (9, 0, 4), (0, 4, 7))
    return Setting(bar_beats, lambda bar, beats: chords[bar % 4], scale_of(C_MAJOR), register)


def as_line(theme: Theme, at: float = 0.0) -> list[tuple[float, int]]:
    return [(at + start, note.pitch) for start, note in zip(theme.starts(), theme.notes, strict=True)]


@pytest.mark.parametrize("how", list(Development))
def test_every_return_is_heard_again_and_fits_the_harmony(how: Development) -> None:
    place = setting()
    came = develop(THEME, how, place)
    assert find_theme(as_line(THEME)[:7], as_line(came, 32.0)), how
    for note in came.notes:
        assert 57 <= note.pitch <= 81
        if weighty(note) and how is not Development.MODE:
            assert note.pitch % 12 in place.tones(note.bar, note.start_beats)
    if how in (Development.SEQUENCE, Development.AUGMENTATION, Development.FRAGMENT):
        assert as_line(came) != as_line(develop(THEME, Development.STATEMENT, place))


@pytest.mark.parametrize("bars", [(3.0,) * 4, (5.0, 4.0, 5.0), (2.0,) * 4, (7.0, 7.0)])
def test_a_theme_is_set_into_bars_of_any_length(bars: tuple[float, ...]) -> None:
    for how in Development:
        for note in develop(THEME, how, setting(bars)).notes:
            assert note.bar < len(bars)
            assert note.start_beats < bars[note.bar]


def test_scale_steps_keep_accidentals() -> None:
    assert [moved_in_scale(60, steps, scale_of(C_MAJOR)) for steps in (-1, 0, 1, 2, 7)] == [59, 60, 62, 64, 72]
    assert moved_in_scale(61, 1, scale_of(C_MAJOR)) == 63


def test_a_tune_is_more_singable_than_leaps_and_monotony() -> None:
    leaping = theme_from_beats([(i, 1, 60 + (i * 11) % 23) for i in range(16)], [4.0] * 4)
    flat = theme_from_beats([(i / 2, 0.5, 60) for i in range(32)], [4.0] * 4)
    values = [melodiousness(t).singability for t in (THEME, leaping, flat)]  # type: ignore[union-attr]
    assert values[0] > max(values[1:])


def test_another_melody_is_not_taken_for_the_theme() -> None:
    other = [(i * 1.0, p) for i, p in enumerate((60, 72, 59, 71, 58, 70, 57, 69, 56, 68))]
    assert find_theme(as_line(THEME), other) == []


def test_themes_rest_under_speech_and_the_last_return_is_final() -> None:
    form = Form(tuple(Phrase(1 + 4 * i, 4, letter, n) for i, (letter, n) in enumerate(
        [("i", 0), ("A", 0), ("A", 1), ("B", 0), ("A", 2), ("o", 0)])))  # fmt: skip
    plain = appearances(form, [0.2, 0.4, 0.5, 0.6, 0.7, 0.3], [0.0] * 6)
    assert [(a.phrase.letter, a.how.value) for a in plain] == [
        ("A", "statement"), ("A", "sequence"), ("B", "statement"), ("A", "final")]  # fmt: skip
    spoken = appearances(form, [0.2, 0.4, 0.5, 0.6, 0.7, 0.3], [0.0, 0.9, 0.0, 0.0, 0.0, 0.0])
    assert [(a.phrase.start_bar, a.how.value) for a in spoken][:2] == [(9, "statement"), (13, "statement")]


def midi(path: Path, notes: list[tuple[float, float, int]], *first: mido.MetaMessage) -> Path:
    song, track = mido.MidiFile(ticks_per_beat=480), mido.MidiTrack()
    song.tracks.append(track)
    track.extend(first)
    events = [(round(s * 480), "note_on", p) for s, _, p in notes]
    events += [(round((s + d) * 480), "note_off", p) for s, d, p in notes]
    at = 0
    for tick, kind, pitch in sorted(events, key=lambda e: (e[0], e[1] == "note_on")):
        track.append(mido.Message(kind, note=pitch, velocity=80, time=tick - at))
        at = tick
    song.save(str(path))
    return path


def test_the_composers_theme_is_read_with_its_key_and_metre(tmp_path: Path) -> None:
    in_d = [(s, d, p + 2) for s, d, p in TUNE]
    own = read_theme(midi(tmp_path / "theme.mid", in_d))
    assert (own.key, own.bar_beats, own.theme.bars) == (Key(2, False), 4.0, 4)
    assert as_line(theme_in_key(own, C_MAJOR)) == as_line(THEME)
    waltz = read_theme(midi(tmp_path / "w.mid", TUNE, mido.MetaMessage("time_signature", numerator=3, denominator=4)))
    assert waltz.bar_beats == 3.0
    assert found_key([(s, d, p) for s, d, p in TUNE]) == C_MAJOR


def test_a_theme_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_theme(tmp_path / "missing.mid")
    (tmp_path / "text.mid").write_text("no midi")
    with pytest.raises(InputError, match="no MIDI file"):
        read_theme(tmp_path / "text.mid")
    with pytest.raises(InputError, match="2 notes"):
        read_theme(midi(tmp_path / "two.mid", TUNE[:2]))
