"""What becomes of a theme when it returns: sequence, fragment, augmentation, another mode; fitted to the harmony."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from v2m_bridge.music.keys import Key
from v2m_bridge.music.themes.theme import Theme, ThemeNote, theme_from_beats


class Development(StrEnum):
    """How a return differs from the first statement."""

    STATEMENT = "statement"
    SEQUENCE = "sequence"
    FRAGMENT = "fragment"
    AUGMENTATION = "augmentation"
    MODE = "mode"
    FINAL = "final"


MAJOR_SCALE, MINOR_SCALE = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)


def scale_of(key: Key) -> tuple[int, ...]:
    """The seven pitch classes of a key, natural minor."""
    return tuple((key.tonic + step) % 12 for step in (MINOR_SCALE if key.minor else MAJOR_SCALE))


def moved_in_scale(pitch: int, steps: int, scale: Sequence[int]) -> int:
    """``pitch`` moved by scale steps; a tone outside the scale keeps its distance to the one below."""
    below = pitch
    while below % 12 not in scale:
        below -= 1
    ladder = sorted(scale)
    octave, index = below // 12, ladder.index(below % 12)
    up, place = divmod(index + steps, len(ladder))
    return 12 * (octave + up) + ladder[place] + (pitch - below)


@dataclass(frozen=True)
class Setting:
    """Where a theme is set.

    Attributes:
        bar_beats: lengths of the bars it has, in quarter notes.
        tones: the chord's pitch classes at ``(bar, start_beats)``; empty where there is no chord.
        scale: pitch classes of the key.
        register: lowest and highest pitch allowed.
    """

    bar_beats: tuple[float, ...]
    tones: Callable[[int, float], tuple[int, ...]]
    scale: tuple[int, ...]
    register: tuple[int, int]


def develop(theme: Theme, how: Development, setting: Setting) -> Theme:
    """The theme as it returns in ``setting``, its weighty notes on chord tones and all inside the register."""
    match how:
        case Development.SEQUENCE:
            changed = _best_sequence(theme, setting)
        case Development.FRAGMENT:
            changed = fragment(theme, setting)
        case Development.AUGMENTATION:
            changed = augmentation(theme, setting)
        case Development.MODE:
            changed = other_mode(theme, setting)
        case _:
            changed = theme
    return in_register(fitted(onto_bars(changed, setting.bar_beats), setting), setting)


def sequence(theme: Theme, steps: int, setting: Setting) -> Theme:
    """All notes moved by scale steps."""
    return replace(
        theme,
        notes=tuple(replace(n, pitch=moved_in_scale(n.pitch, steps, setting.scale)) for n in theme.notes),
    )


def _best_sequence(theme: Theme, setting: Setting) -> Theme:
    """The sequence, not at the same height, that needs the fewest changes for the harmony."""

    def misses(steps: int) -> tuple[int, int]:
        moved = onto_bars(sequence(theme, steps, setting), setting.bar_beats)
        wrong = sum(n.pitch % 12 not in (tones := setting.tones(n.bar, n.start_beats)) and bool(tones)
                    for n in moved.notes if weighty(n))  # fmt: skip
        return wrong, abs(steps)

    return sequence(theme, min((-4, -3, -2, -1, 1, 2, 3, 4), key=misses), setting)


def fragment(theme: Theme, setting: Setting) -> Theme:
    """The first bars alone, then again a step lower or higher, as long as the setting has bars."""
    head_bars = max(1, theme.bars // 2)
    head = [note for note in theme.notes if note.bar < head_bars]
    rising = head and head[-1].pitch >= head[0].pitch
    notes: list[ThemeNote] = []
    for turn in range((len(setting.bar_beats) + head_bars - 1) // head_bars):
        steps = turn if rising else -turn
        notes += [
            replace(n, bar=n.bar + turn * head_bars, pitch=moved_in_scale(n.pitch, steps, setting.scale)) for n in head
        ]
    return Theme(tuple(notes), setting.bar_beats)


def augmentation(theme: Theme, setting: Setting) -> Theme:
    """Twice as long, as far as the setting has room; its first half where there is not more."""
    stretched = [
        (2 * start, 2 * note.length_beats, note.pitch) for start, note in zip(theme.starts(), theme.notes, strict=True)
    ]
    return theme_from_beats(stretched, setting.bar_beats)


def other_mode(theme: Theme, setting: Setting) -> Theme:
    """Thirds, sixths and sevenths of the other mode where the harmony at the place has them."""
    tonic = setting.scale[0]
    minor = (tonic + 3) % 12 in setting.scale
    changes = {4: 3, 9: 8, 11: 10} if not minor else {3: 4, 8: 9, 10: 11}

    def changed(note: ThemeNote) -> ThemeNote:
        degree = (note.pitch - tonic) % 12
        return replace(note, pitch=note.pitch + changes.get(degree, degree) - degree)

    return replace(theme, notes=tuple(changed(note) for note in theme.notes))


def onto_bars(theme: Theme, bar_beats: Sequence[float]) -> Theme:
    """The theme over bars of other lengths: bar by bar, and what finds no room is left out."""
    notes = [note for note in theme.notes if note.bar < len(bar_beats) and note.start_beats < bar_beats[note.bar] - 0.2]
    return Theme(tuple(notes), tuple(bar_beats))


def weighty(note: ThemeNote) -> bool:
    """Whether a note is heard with the chord: it is on a bar's first beat, or long and on a beat."""
    on_beat = abs(note.start_beats - round(note.start_beats)) < 1e-3
    return note.start_beats < 1e-3 or (on_beat and note.length_beats >= 1.0)


def fitted(theme: Theme, setting: Setting) -> Theme:
    """Weighty notes moved to the nearest chord tone, at most two semitones; the others to the scale or the chord."""
    return replace(theme, notes=tuple(_fitted(note, setting) for note in theme.notes))


def _fitted(note: ThemeNote, setting: Setting) -> ThemeNote:
    tones = setting.tones(note.bar, note.start_beats)
    if not tones:
        return note
    allowed = set(tones) if weighty(note) else {*tones, *setting.scale}
    if note.pitch % 12 in allowed:
        return note
    for distance in (1, 2) if weighty(note) else (1,):
        for pitch in (note.pitch - distance, note.pitch + distance):
            if pitch % 12 in allowed:
                return replace(note, pitch=pitch)
    return note


def in_register(theme: Theme, setting: Setting) -> Theme:
    """The whole theme by octaves into the register, and single notes that still lie outside."""
    low, high = setting.register
    if not theme.notes:
        return theme
    middle = sum(note.pitch for note in theme.notes) / len(theme.notes)
    octaves = round(((low + high) / 2 - middle) / 12)
    outside = [sum(not low <= n.pitch + 12 * o <= high for n in theme.notes) for o in (0, octaves)]
    moved = theme.moved(12 * octaves) if outside[1] < outside[0] else theme

    def inside(pitch: int) -> int:
        while pitch < low:
            pitch += 12
        while pitch > high:
            pitch -= 12
        return pitch

    return replace(moved, notes=tuple(replace(note, pitch=inside(note.pitch)) for note in moved.notes))
