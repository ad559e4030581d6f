"""Lets the whole player write over the chords and the form of people's pieces, for comparison."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from v2m_bridge.amt.player.network import PlayerNetwork
from v2m_bridge.amt.player.passages import PlayedNote
from v2m_bridge.amt.player.steps import LETTERS, LOWER, MELODY, SOURCES, TICKS, UPPER
from v2m_bridge.compose.playing.film_beats import film_beats
from v2m_bridge.compose.playing.play_film import PlayWishes, play_film
from v2m_bridge.compose.playing.themes_of_film import Registers
from v2m_bridge.music.arrangement import ArrangeRequest, DynamicsPoint
from v2m_bridge.music.chords import NO_CHORD, Chord, ChordEvent
from v2m_bridge.music.form import Form, Phrase
from v2m_bridge.music.keys import Key
from v2m_bridge.music.plan import make_plan
from v2m_bridge.timing.tempo import Bar, TempoMap
from v2m_bridge.training.player.note_statistics import Excerpt
from v2m_bridge.training.player.pieces import NotePiece

WINDOW_BARS = 16
_PRESET_OF_SOURCE = {"pop": "warm", "lied": "piano", "quartet": "orchestra"}
_NAME_OF_LETTER = {number: name for name, number in LETTERS.items()}
_BPM = 100.0


@dataclass(frozen=True)
class BarWindow:
    """Sixteen bars of a piece: ``start_beat``..``stop_beat``."""

    piece: NotePiece
    start_beat: int
    stop_beat: int

    @property
    def bar_beats(self) -> tuple[int, ...]:
        """Beats at which bars begin, from the window's first."""
        places = self.piece.harmony[self.start_beat : self.stop_beat, 0]
        return tuple(int(b) for b in np.flatnonzero(places == 0))


def bar_windows(pieces: Sequence[NotePiece], each: int = 1, seed: int = 3) -> list[BarWindow]:
    """Windows of sixteen bars in the middle of the pieces, on the beginnings of phrases where these are known."""
    rng = np.random.default_rng(seed)
    found: list[BarWindow] = []
    for piece in pieces:
        bars = np.flatnonzero(piece.harmony[:, 0] == 0)
        starts = [i for i in range(len(bars) - WINDOW_BARS) if piece.film[bars[i], 1] in (0, 1)]
        for index in rng.permutation(starts)[:each]:
            found.append(BarWindow(piece, int(bars[index]), int(bars[index + WINDOW_BARS])))
    return found


def people_excerpt(window: BarWindow) -> Excerpt:
    """What people wrote there."""
    piece = window.piece
    inside = (piece.beat >= window.start_beat) & (piece.beat < window.stop_beat)
    base = window.start_beat * TICKS
    columns = zip(piece.onset[inside], piece.role[inside], piece.pitch[inside], piece.ticks[inside], strict=True)
    notes = tuple(PlayedNote(int(o) - base, int(r), int(p), int(d), 0) for o, r, p, d in columns)
    return Excerpt(notes, piece.harmony[window.start_beat : window.stop_beat, 2:4], window.bar_beats)


def window_request(window: BarWindow) -> tuple[ArrangeRequest, Form]:
    """The window's chords, bars and density as a film without hits, and its form."""
    piece, n_beats = window.piece, window.stop_beat - window.start_beat
    rows = piece.harmony[window.start_beat : window.stop_beat]
    chords = tuple(
        ChordEvent(Chord(int(r[2]), int(r[3])) if r[2] < 12 and r[3] < 13 else NO_CHORD, float(b), float(b + 1))
        for b, r in enumerate(rows)
    )
    starts = [*window.bar_beats, n_beats]
    bars = tuple(Bar(i + 1, float(a), float(b - a), b - a, 4) for i, (a, b) in enumerate(itertools.pairwise(starts)))
    inside = piece.beat[(piece.beat >= window.start_beat) & (piece.beat < window.stop_beat) & (piece.role != MELODY)]
    per_beat = np.bincount(inside - window.start_beat, minlength=n_beats)
    dynamics = tuple(
        DynamicsPoint(float(b), float(per_beat[b : b + 4].mean()) * _BPM / 60 / 0.58, 0.12)
        for b in range(0, n_beats, 4)
    )
    key = Key(9 if piece.harmony[0, 6 + 1] else 0, bool(piece.harmony[0, 7]))
    return ArrangeRequest(chords, bars, dynamics, (), key, float(n_beats), TempoMap.constant(_BPM)), _form(window)


def _form(window: BarWindow) -> Form:
    """Phrases of the window as the piece has them; unknown stretches become phrases of four bars without return."""
    film = window.piece.film[window.start_beat : window.stop_beat]
    phrases: list[tuple[int, int, str]] = []
    for number, beat in enumerate(window.bar_beats, 1):
        letter = _NAME_OF_LETTER.get(int(film[beat, 0]), "")
        begins = film[beat, 1] <= 1 or not phrases
        if not letter and phrases and phrases[-1][2].startswith("?") and phrases[-1][1] < 4:
            begins = False
        if begins:
            phrases.append((number, 1, letter or f"?{number}"))
        else:
            start, count, name = phrases[-1]
            phrases[-1] = (start, count + 1, name)
    times: dict[str, int] = {}
    built = []
    names = {name: chr(ord("P") + i % 10) for i, name in enumerate(sorted({n for _, _, n in phrases if n[0] == "?"}))}
    for start, count, name in phrases:
        letter = names.get(name, name)
        built.append(Phrase(start, count, letter, times.get(letter, 0)))
        times[letter] = times.get(letter, 0) + 1
    return Form(tuple(built))


def player_excerpt(window: BarWindow, network: PlayerNetwork, seed: int) -> Excerpt:
    """What the player writes over the same chords, densities and form."""
    request, form = window_request(window)
    plan = make_plan(request, 0.0)
    film = film_beats(plan, form, request.key, _PRESET_OF_SOURCE[SOURCES[window.piece.source]])
    wishes = PlayWishes(Registers((57, 84), (50, 74)), {UPPER: (50, 84), LOWER: (28, 60)}, seed=seed)
    lines = play_film(film, network, wishes)
    notes = []
    for role, line in ((MELODY, lines.melody), (UPPER, lines.counter), (UPPER, lines.upper), (LOWER, lines.lower)):
        notes += [
            PlayedNote(round(n.start_beat * TICKS), role, n.pitch, round(n.length_beats * TICKS), 0) for n in line
        ]
    piece = window.piece
    return Excerpt(tuple(sorted(notes)), piece.harmony[window.start_beat : window.stop_beat, 2:4], window.bar_beats)
