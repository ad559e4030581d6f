"""The film's themes: several candidates a letter, the most singable kept, and their development at returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from v2m_bridge.amt.player.decoding import Played, PlayOptions, play
from v2m_bridge.amt.player.network import PlayerNetwork
from v2m_bridge.amt.player.passages import Passage, PlayedNote
from v2m_bridge.amt.player.steps import COLUMN, MELODY, PLACES, ROLES, TICKS, UPPER
from v2m_bridge.compose.playing.film_beats import FilmBeats
from v2m_bridge.compose.playing.passages import Stretch, film_ticks, melody_passage
from v2m_bridge.music.chords import QUALITIES
from v2m_bridge.music.themes.development import Development, Setting, develop, scale_of
from v2m_bridge.music.themes.schedule import Appearance
from v2m_bridge.music.themes.singability import melodiousness
from v2m_bridge.music.themes.theme import Theme, theme_from_beats

THEME_BARS = 4
CANDIDATES = 6
LIKELIHOOD_WEIGHT = 0.5
"""Points of singability that one nat a note is worth."""

_COMFORT = 19
"""Semitones that a theme may span: an octave and a fifth."""


@dataclass(frozen=True)
class Registers:
    """Lowest and highest pitch of the melody's and of the counterline's instrument."""

    melody: tuple[int, int]
    counter: tuple[int, int]


def comfortable(register: tuple[int, int], lift: int = 0) -> tuple[int, int]:
    """The middle of a register, wide enough for a song; ``lift`` moves it, inside the register."""
    low, high = register
    middle = (low + high) // 2 + lift
    return max(low, middle - _COMFORT // 2 - 1), min(high, middle + _COMFORT // 2 + 1)


def write_themes(
    film: FilmBeats,
    found: Sequence[Appearance],
    network: PlayerNetwork,
    registers: Registers,
    own: Mapping[str, Theme],
    seed: int,
) -> dict[str, Theme]:
    """A theme for every letter that appears; ``own`` are themes that the composer has given."""
    stated = {a.phrase.letter: a for a in reversed(found) if a.how is Development.STATEMENT}
    letters = sorted(letter for letter in stated if letter not in own)
    passages: list[Passage] = []
    stretches: list[Stretch] = []
    for number, letter in enumerate(letters):
        stretch = theme_stretch(film, stated[letter])
        for candidate in range(CANDIDATES):
            passages.append(_candidate(film, stretch, registers, (seed, 1, number, candidate)))
            stretches.append(stretch)
    played = play(network, passages, PlayOptions(top_p=0.97)) if passages else []
    themes = dict(own)
    for number, letter in enumerate(letters):
        rows = range(number * CANDIDATES, (number + 1) * CANDIDATES)
        themes[letter] = best_theme(film, [(stretches[row], played[row]) for row in rows])
    return themes


def theme_stretch(film: FilmBeats, appearance: Appearance, bars: int = THEME_BARS) -> Stretch:
    """The first bars of the phrase, at most ``bars``."""
    index = film.form.phrases.index(appearance.phrase)
    start, stop = film.span(index)
    inside = np.flatnonzero(film.table[start:stop, COLUMN["bar_of_phrase"]] <= bars)
    return Stretch(start, start + int(inside[-1]) + 1 if len(inside) else stop)


def _candidate(film: FilmBeats, stretch: Stretch, registers: Registers, seed: tuple[int, ...]) -> Passage:
    length = stretch.stop - stretch.start
    hints = np.zeros((length, PLACES), dtype=np.int64)
    free = np.zeros(film.beats, dtype=bool)
    passage = melody_passage(film, stretch, comfortable(registers.melody), (), hints, seed, free)
    # The theme comes to rest: little begins after the last bar's first beat.
    last_bar = np.flatnonzero(film.table[stretch.start : stretch.stop, COLUMN["place_in_bar"]] == 0)
    rest = int(last_bar[-1]) + 1 if len(last_bar) else length - 1
    passage.place_bias[rest:, MELODY:PLACES:ROLES] -= 2.5
    return passage


def best_theme(film: FilmBeats, candidates: Sequence[tuple[Stretch, Played]]) -> Theme:
    """The most singable of the candidates, likelihood counted in."""
    scored: list[tuple[float, int, Theme]] = []
    for index, (stretch, played) in enumerate(candidates):
        theme = theme_of(film, stretch, film_ticks(played.notes, stretch.first))
        figures = melodiousness(theme, foreign_share(film, stretch, played.notes))
        likelihood = played.log_likelihood / max(1, played.drawn)
        value = (figures.singability if figures else -20.0) + LIKELIHOOD_WEIGHT * likelihood
        scored.append((value, -index, theme))
    return max(scored, key=lambda item: item[:2])[2]


def theme_of(film: FilmBeats, stretch: Stretch, notes: Sequence[PlayedNote]) -> Theme:
    """Notes on the film's ticks as a theme over the stretch's bars."""
    starts = bar_starts(film, stretch)
    beats = [b - a for a, b in zip(starts, [*starts[1:], stretch.stop], strict=True)]
    placed = [(n.onset / TICKS - stretch.start, n.length / TICKS, n.pitch) for n in notes if n.role == MELODY]
    return theme_from_beats(placed, beats)


def bar_starts(film: FilmBeats, stretch: Stretch) -> list[int]:
    """Beats at which the stretch's bars begin."""
    places = film.table[stretch.start : stretch.stop, COLUMN["place_in_bar"]]
    starts = [stretch.start + int(b) for b in np.flatnonzero(places == 0)]
    return starts if starts and starts[0] == stretch.start else [stretch.start, *starts]


def foreign_share(film: FilmBeats, stretch: Stretch, notes: Sequence[PlayedNote]) -> float:
    """Share of a passage's notes that are no tones of the chord they begin over."""
    wrong = [n.pitch % 12 not in tones_at(film, stretch.first + n.onset // TICKS) for n in notes]
    return sum(wrong) / max(1, len(wrong))


def tones_at(film: FilmBeats, beat: int) -> tuple[int, ...]:
    """Pitch classes of the chord at a beat; empty without one."""
    row = film.table[min(max(beat, 0), film.beats - 1)]
    root, quality = int(row[COLUMN["root"]]), int(row[COLUMN["quality"]])
    if quality >= len(QUALITIES):
        return ()
    return tuple((root + step) % 12 for step in QUALITIES[quality].intervals)


def set_theme(film: FilmBeats, appearance: Appearance, theme: Theme, registers: Registers) -> list[PlayedNote]:
    """The theme as it appears there, on the film's ticks; what would sound through a breath is cut or left out."""
    stretch = theme_stretch(film, appearance, max(THEME_BARS, theme.bars))
    starts = bar_starts(film, stretch)
    lengths = tuple(float(b - a) for a, b in zip(starts, [*starts[1:], stretch.stop], strict=True))
    register = registers.counter if appearance.by_counter else registers.melody
    if appearance.how is Development.FINAL:
        register = comfortable(register, 5)
    setting = Setting(
        bar_beats=lengths,
        tones=lambda bar, beats: tones_at(film, starts[bar] + int(beats + 1e-6)),
        scale=scale_of(film.key),
        register=register,
    )
    role = UPPER if appearance.by_counter else MELODY
    notes: list[PlayedNote] = []
    for note in develop(theme, appearance.how, setting).notes:
        onset = round((starts[note.bar] + note.start_beats) * TICKS)
        if onset >= film.beats * TICKS or film.silent[onset]:
            continue
        length = min(round(note.length_beats * TICKS), int(film.room[onset]))
        if length > 0:
            notes.append(PlayedNote(onset, role, note.pitch, length, 0))
    return single_line(notes)


def single_line(notes: Sequence[PlayedNote]) -> list[PlayedNote]:
    """In order, each cut where the next one begins; of two at one moment the higher stays."""
    kept: list[PlayedNote] = []
    for note in sorted(notes, key=lambda n: (n.onset, -n.pitch)):
        if kept and kept[-1].onset == note.onset:
            continue
        if kept and kept[-1].onset + kept[-1].length > note.onset:
            last = kept[-1]
            kept[-1] = PlayedNote(last.onset, last.role, last.pitch, note.onset - last.onset, last.velocity, last.given)
        kept.append(note)
    return kept
