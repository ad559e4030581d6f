"""The player writes theme, counterline and texture over a film's harmony."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from v2m_bridge.amt.player.decoding import PlayOptions, play
from v2m_bridge.amt.player.network import PlayerNetwork
from v2m_bridge.amt.player.passages import Passage, PlayedNote
from v2m_bridge.amt.player.steps import COLUMN, LOWER, MELODY, PLACES, TICKS, UPPER, Ints
from v2m_bridge.compose.playing.film_beats import FilmBeats
from v2m_bridge.compose.playing.passages import (
    Stretch,
    counter_passage,
    film_ticks,
    melody_passage,
    note_table,
    texture_passage,
)
from v2m_bridge.compose.playing.themes_of_film import (
    THEME_BARS,
    Registers,
    comfortable,
    set_theme,
    single_line,
    theme_stretch,
    write_themes,
)
from v2m_bridge.music.themes.development import Development
from v2m_bridge.music.themes.lines import LineNote, Lines, ThemeAppearance
from v2m_bridge.music.themes.schedule import Appearance, appearances
from v2m_bridge.music.themes.theme import Theme
from v2m_bridge.progress import Progress, silent

_CONTEXT_BEATS = 4
"""How much of the phrase before is shown to the player where it is known."""

_PLAIN_VELOCITY = 5
_TOUCH = 4.0
"""Velocity added for each class above the plain one."""

_THEME_TOUCH = {Development.FINAL: 8.0, Development.STATEMENT: 4.0}


@dataclass(frozen=True)
class PlayWishes:
    """What is wanted of the player.

    Attributes:
        theme: write themes and what goes on from them; ``counter``: a second line; ``texture``: the accompaniment.
        own_themes: the composer's themes by letter.
        registers: of melody and counterline; texture_registers: of the roles UPPER and LOWER.
        seed: of everything drawn.
    """

    registers: Registers
    texture_registers: Mapping[int, tuple[int, int]]
    theme: bool = True
    counter: bool = True
    texture: bool = True
    own_themes: Mapping[str, Theme] = field(default_factory=dict)
    seed: int = 0


def play_film(film: FilmBeats, network: PlayerNetwork, wishes: PlayWishes, progress: Progress = silent) -> Lines:
    """Themes first, then what goes on from them, the counterline, and the texture under all of it."""
    found: tuple[Appearance, ...] = ()
    melody: list[PlayedNote] = []
    second: list[PlayedNote] = []
    if wishes.theme:
        phrases = range(len(film.form.phrases))
        energies, spoken = [film.phrase_energy(i) for i in phrases], [film.phrase_spoken(i) for i in phrases]
        found = appearances(film.form, energies, spoken)
        themes = write_themes(film, found, network, wishes.registers, wishes.own_themes, wishes.seed)
        lengths = {letter: max(THEME_BARS, theme.bars) for letter, theme in themes.items()}
        for appearance in found:
            notes = set_theme(film, appearance, themes[appearance.phrase.letter], wishes.registers)
            (second if appearance.by_counter else melody).extend(notes)
        melody = _completed(film, found, melody, network, wishes, lengths)
        progress("parts", 0.3)
        if wishes.counter:
            second = _with_counter(film, found, melody, second, network, wishes)
        else:
            second = []
    progress("parts", 0.5)
    texture = _texture(film, [*melody, *second], network, wishes, progress) if wishes.texture else []
    progress("parts", 1.0)
    return Lines(
        melody=played_lines(melody, film, found),
        counter=played_lines(second, film),
        upper=played_lines([n for n in texture if n.role == UPPER], film),
        lower=played_lines([n for n in texture if n.role == LOWER], film),
        appearances=tuple(_shown(a) for a in found if wishes.counter or not a.by_counter),
        texture=wishes.texture,
        phrases=film.form.phrases,
    )


def _shown(appearance: Appearance) -> ThemeAppearance:
    phrase = appearance.phrase
    last = phrase.start_bar + phrase.bars - 1
    part = "counter" if appearance.by_counter else "melody"
    return ThemeAppearance(phrase.letter, appearance.how.value, phrase.start_bar, last, part)


@dataclass
class _Job:
    """Passages to be played together, and where in the film each of them begins."""

    passages: list[Passage] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)

    def add(self, passage: Passage, first_beat: int) -> None:
        self.passages.append(passage)
        self.firsts.append(first_beat)

    def drawn(self, network: PlayerNetwork, options: PlayOptions, progress: Progress = silent) -> list[PlayedNote]:
        """What the player adds, on the film's ticks."""
        if not self.passages:
            return []
        rows = zip(self.firsts, play(network, self.passages, options, progress), strict=True)
        return [note for first, played in rows for note in film_ticks(played.notes, first) if not note.given]


def _completed(
    film: FilmBeats,
    found: Sequence[Appearance],
    melody: Sequence[PlayedNote],
    network: PlayerNetwork,
    wishes: PlayWishes,
    lengths: Mapping[str, int],
) -> list[PlayedNote]:
    """The melody with the bars of each phrase that its theme leaves open; returns look back on the first time."""
    done = list(melody)
    shut = film.spoken
    first_time: dict[str, int] = {}
    for appearance in found:
        first_time.setdefault(appearance.phrase.letter, film.form.phrases.index(appearance.phrase))
    for returning in (False, True):
        job = _Job()
        for appearance in found:
            index = film.form.phrases.index(appearance.phrase)
            (start, stop), letter = film.span(index), appearance.phrase.letter
            theme = theme_stretch(film, appearance, lengths[letter])
            before = first_time[letter]
            if theme.stop >= stop or (before != index) is not returning or appearance.by_counter:
                continue
            stretch = Stretch(theme.stop, stop, theme.stop - start)
            hints = _hints(film, stretch, before if returning else None, start, done, MELODY)
            register = comfortable(wishes.registers.melody, 5 if appearance.how is Development.FINAL else 0)
            job.add(melody_passage(film, stretch, register, done, hints, (wishes.seed, 2, index), shut), start)
        done += job.drawn(network, PlayOptions(top_p=0.97))
    return single_line(done)


def _hints(
    film: FilmBeats,
    stretch: Stretch,
    before: int | None,
    phrase_start: int,
    notes: Sequence[PlayedNote],
    role: int | None,
) -> Ints:
    """[stretch, 72] what sounded at the same place of the phrase ``before``; nothing without one."""
    hints = np.zeros((stretch.stop - stretch.first, PLACES), dtype=np.int64)
    if before is None:
        return hints
    earlier, end = film.span(before)
    table = note_table([n for n in notes if role is None or n.role == role], film.beats)
    for row, beat in enumerate(range(stretch.first, stretch.stop)):
        source = earlier + beat - phrase_start
        if phrase_start <= beat and source < min(end, phrase_start):
            hints[row] = table[source]
    return hints


def _with_counter(
    film: FilmBeats,
    found: Sequence[Appearance],
    melody: Sequence[PlayedNote],
    second: Sequence[PlayedNote],
    network: PlayerNetwork,
    wishes: PlayWishes,
) -> list[PlayedNote]:
    """The second line where the theme has been heard before, or the film is loud; elsewhere it waits."""
    middle = float(np.median([film.phrase_energy(i) for i in range(len(film.form.phrases))]))
    job = _Job()
    heard: set[str] = set()
    for appearance in found:
        index = film.form.phrases.index(appearance.phrase)
        again = appearance.phrase.letter in heard
        heard.add(appearance.phrase.letter)
        if appearance.by_counter or not (again or film.phrase_energy(index) > middle):
            continue
        start, stop = film.span(index)
        stretch = Stretch(start, stop)
        hints = _hints(film, stretch, None, start, (), UPPER)
        seed = (wishes.seed, 3, index)
        job.add(counter_passage(film, stretch, wishes.registers.counter, melody, hints, seed), start)
    return single_line([*second, *job.drawn(network, PlayOptions(top_p=0.9))])


def _within(progress: Progress, begun: float, length: float) -> Progress:
    """Reports of a part of this work, as the share of the whole from ``begun`` to ``begun + length``."""
    return lambda stage, share: progress(stage, begun + length * share)


def _texture(
    film: FilmBeats, lines: Sequence[PlayedNote], network: PlayerNetwork, wishes: PlayWishes, progress: Progress
) -> list[PlayedNote]:
    """Every phrase under its lines: first times side by side, then returns, which look back."""
    first_time: dict[str, int] = {}
    for index, phrase in enumerate(film.form.phrases):
        first_time.setdefault(phrase.letter, index)
    firsts = set(first_time.values())
    written: list[PlayedNote] = []
    for returning in (False, True):
        job = _Job()
        for index, phrase in enumerate(film.form.phrases):
            start, stop = film.span(index)
            if stop <= start or (index not in firsts) is not returning:
                continue
            known = returning and index - 1 in firsts
            stretch = Stretch(start, stop, min(_CONTEXT_BEATS, start) if known else 0)
            known_notes = [*lines, *written]
            hints = _hints(film, stretch, first_time[phrase.letter] if returning else None, start, known_notes, None)
            seed = (wishes.seed, 4, index)
            registers = dict(wishes.texture_registers)
            given = [*lines, *(n for n in written if n.onset < start * TICKS)]
            job.add(texture_passage(film, stretch, registers, given, hints, seed), stretch.first)
        written += job.drawn(network, PlayOptions(), _within(progress, 0.75 if returning else 0.5, 0.25))
    return sorted(written)


def played_lines(
    notes: Sequence[PlayedNote], film: FilmBeats, found: Sequence[Appearance] = ()
) -> tuple[LineNote, ...]:
    """Notes on beats; what would pass the film's end or a breath is cut."""
    extra = np.zeros(film.beats)
    for appearance in found:
        start, stop = film.span(film.form.phrases.index(appearance.phrase))
        extra[start:stop] = _THEME_TOUCH.get(appearance.how, 0.0)
    lines = []
    for note in notes:
        length = min(note.length, int(film.room[note.onset]))
        beat = min(note.onset // TICKS, film.beats - 1)
        played = note.velocity or _PLAIN_VELOCITY
        asked = int(film.table[beat, COLUMN["velocity"]]) or _PLAIN_VELOCITY
        touch = _TOUCH * max(-2, min(2, played - asked)) if note.velocity else 0.0
        lines.append(LineNote(note.onset / TICKS, length / TICKS, note.pitch, touch + float(extra[beat])))
    return tuple(sorted(lines))
