"""The composer's own theme from a MIDI file: its melody, key and metre."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from v2m_bridge.errors import InputError
from v2m_bridge.music.keys import Key, parse_key
from v2m_bridge.music.themes.theme import Theme, theme_from_beats

LONGEST_BARS = 8
_DRUMS = 9

MAJOR_PROFILE = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR_PROFILE = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""How well each semitone above the tonic fits a key (Krumhansl & Kessler 1982)."""

Sounding = tuple[float, float, int]
"""Start and length in quarter notes, and pitch."""


@dataclass(frozen=True)
class OwnTheme:
    """A theme as it was found; ``bar_beats`` is the metre's bar in quarter notes."""

    theme: Theme
    key: Key
    bar_beats: float
    cut: bool


def read_theme(path: Path) -> OwnTheme:
    """The highest line of a MIDI file, at most eight bars.

    Raises:
        InputError: no MIDI file, damaged, or without a melody of four notes.
    """
    import mido

    try:
        song = mido.MidiFile(str(path))
    except FileNotFoundError:
        raise InputError(f"the theme {path} does not exist") from None
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise InputError(f"the theme {path.name} is no MIDI file: {error}") from error
    notes, marked_key, marked_bar = _read(song)
    line = _top_line(notes)
    if len(line) < 4:
        raise InputError(f"the theme {path.name} has {len(line)} notes", "a theme needs four or more")
    bar = marked_bar or found_metre(line)
    first = math.floor(line[0][0] / bar + 1e-6) * bar
    line = [(start - first, length, pitch) for start, length, pitch in line]
    bars = min(LONGEST_BARS, max(1, math.ceil((line[-1][0] + line[-1][1]) / bar - 0.25)))
    theme = theme_from_beats(line, [bar] * bars)
    return OwnTheme(theme, marked_key or found_key(line), bar, cut=len(theme.notes) < len(line))


def _read(song: object) -> tuple[list[Sounding], Key | None, float | None]:
    import mido

    assert isinstance(song, mido.MidiFile)
    ppq = song.ticks_per_beat or 480
    notes: list[Sounding] = []
    key: Key | None = None
    bar: float | None = None
    for track in song.tracks:
        at = 0
        sounding: dict[tuple[int, int], int] = {}
        for message in track:
            at += message.time
            if message.type == "key_signature" and key is None:
                key = parse_key(message.key)
            elif message.type == "time_signature" and bar is None:
                bar = message.numerator * 4 / message.denominator
            elif message.type in ("note_on", "note_off") and message.channel != _DRUMS:
                begun = sounding.pop((message.channel, message.note), None)
                if begun is not None and at > begun:
                    notes.append((begun / ppq, (at - begun) / ppq, message.note))
                if message.type == "note_on" and message.velocity:
                    sounding[(message.channel, message.note)] = at
    return sorted(notes), key, bar


def _top_line(notes: Sequence[Sounding]) -> list[Sounding]:
    """One note at a time: of those that begin together the highest, each cut where the next begins."""
    line: list[Sounding] = []
    for start, length, pitch in sorted(notes, key=lambda n: (round(n[0], 3), -n[2])):
        if line and start - line[-1][0] < 0.02:
            continue
        if line and line[-1][0] + line[-1][1] > start:
            line[-1] = (line[-1][0], start - line[-1][0], line[-1][2])
        line.append((start, length, pitch))
    return line


def found_key(line: Sequence[Sounding]) -> Key:
    """The key whose profile fits the time that each pitch class sounds (Krumhansl 1990)."""
    heard = [0.0] * 12
    for _, length, pitch in line:
        heard[pitch % 12] += length
    heard[line[-1][2] % 12] += line[-1][1] / 2

    def fit(key: Key) -> float:
        profile = MINOR_PROFILE if key.minor else MAJOR_PROFILE
        turned = [heard[(key.tonic + step) % 12] for step in range(12)]
        return _correlation(turned, profile)

    return max((Key(tonic, minor) for minor in (False, True) for tonic in range(12)), key=fit)


def _correlation(one: Sequence[float], other: Sequence[float]) -> float:
    first, second = sum(one) / len(one), sum(other) / len(other)
    above = sum((a - first) * (b - second) for a, b in zip(one, other, strict=True))
    below = math.sqrt(sum((a - first) ** 2 for a in one) * sum((b - second) ** 2 for b in other))
    return above / below if below else 0.0


def found_metre(line: Sequence[Sounding]) -> float:
    """Beats of a bar, 4 or 3: that on whose downbeats more and longer notes begin, for each downbeat there is."""
    end = line[-1][0] + line[-1][1]

    def weight(bar: int) -> float:
        on = sum(min(length, 2.0) for start, length, _ in line if abs(start / bar - round(start / bar)) * bar < 0.05)
        return on / max(1.0, end / bar)

    return 3.0 if weight(3) > 1.15 * weight(4) else 4.0


def theme_in_key(own: OwnTheme, key: Key) -> Theme:
    """The theme moved to a key, by the shorter way; degrees that differ between the modes follow the key's mode."""
    moved = (key.tonic - own.key.tonic + 6) % 12 - 6
    theme = own.theme.moved(moved)
    if own.key.minor == key.minor:
        return theme
    changes = {4: 3, 9: 8, 11: 10} if key.minor else {3: 4, 8: 9, 10: 11}
    notes = []
    for note in theme.notes:
        degree = (note.pitch - key.tonic) % 12
        notes.append(
            type(note)(note.bar, note.start_beats, note.length_beats, note.pitch + changes.get(degree, degree) - degree)
        )
    return Theme(tuple(notes), theme.bar_beats)
