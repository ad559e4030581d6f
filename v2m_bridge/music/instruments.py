"""Instruments, their ranges, and the instrumentation presets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from v2m_bridge.errors import InputError


class Role(StrEnum):
    """What a part does; tracks are in this order."""

    MELODY = "melody"
    COUNTER = "counter"
    CHORDS = "chords"
    BASS = "bass"
    FIGURE = "figure"
    SWELL = "swell"
    HITS = "hits"


CHANNEL_OF_ROLE = {
    Role.CHORDS: 0,
    Role.BASS: 1,
    Role.FIGURE: 2,
    Role.SWELL: 3,
    Role.HITS: 4,
    Role.MELODY: 5,
    Role.COUNTER: 6,
}
"""MIDI channels from 0. Parts that came later take later channels, so that sessions in use keep theirs."""


class Spread(StrEnum):
    """How wide a chord is voiced: within an octave, with the second voice from the top an octave lower, or open."""

    CLOSE = "close"
    DROP2 = "drop2"
    OPEN = "open"


@dataclass(frozen=True)
class Instrument:
    """A General MIDI sound.

    Attributes:
        program: General MIDI program, counted from 0.
        lowest, highest: range of the real instrument (or section) in sounding MIDI pitches.
        decays: whether a held note dies away, so that long chords have to be struck again.
    """

    name: str
    program: int
    lowest: int
    highest: int
    decays: bool = False


INSTRUMENTS: dict[str, Instrument] = {
    "piano": Instrument("Piano", 0, 21, 108, decays=True),
    "celesta": Instrument("Celesta", 8, 60, 108, decays=True),
    "vibraphone": Instrument("Vibraphone", 11, 53, 89, decays=True),
    "marimba": Instrument("Marimba", 12, 45, 96, decays=True),
    "guitar": Instrument("Nylon guitar", 24, 40, 83, decays=True),
    "upright": Instrument("Upright bass", 32, 28, 60, decays=True),
    "synth bass": Instrument("Synth bass", 38, 24, 60),
    "cello": Instrument("Cello", 42, 36, 76),
    "basses": Instrument("Double basses", 43, 28, 60),
    "tremolo": Instrument("Tremolo strings", 44, 28, 100),
    "pizzicato": Instrument("Pizzicato strings", 45, 28, 96, decays=True),
    "harp": Instrument("Harp", 46, 24, 103, decays=True),
    "timpani": Instrument("Timpani", 47, 38, 57, decays=True),
    "violin": Instrument("Violin", 40, 55, 100),
    "viola": Instrument("Viola", 41, 48, 88),
    "strings": Instrument("Strings", 48, 28, 100),
    "slow strings": Instrument("Slow strings", 49, 28, 100),
    "synth strings": Instrument("Synth strings", 50, 28, 100),
    "choir": Instrument("Choir", 52, 41, 81),
    "trumpet": Instrument("Trumpet", 56, 54, 82),
    "horns": Instrument("Horns", 60, 34, 77),
    "brass": Instrument("Brass", 61, 34, 82),
    "oboe": Instrument("Oboe", 68, 58, 91),
    "english horn": Instrument("English horn", 69, 52, 81),
    "clarinet": Instrument("Clarinet", 71, 50, 91),
    "flute": Instrument("Flute", 73, 60, 96),
    "square lead": Instrument("Pulse lead", 80, 24, 108),
    "saw lead": Instrument("Saw lead", 81, 24, 108),
    "warm pad": Instrument("Warm pad", 89, 24, 96),
    "polysynth": Instrument("Polysynth", 90, 24, 96),
    "taiko": Instrument("Taiko", 116, 36, 60, decays=True),
}
"""Name -> instrument. Ranges: Adler, The Study of Orchestration (sounding)."""


@dataclass(frozen=True)
class PresetPart:
    """One part of a preset: the instrument and the register it is written in.

    Attributes:
        register: lowest and highest pitch written, inside the instrument's range.
        spread: voicing of chords, unused for single lines.
        families: families of ``music.figures`` that it may play; for bass and figure.
        boost: added to every velocity.
    """

    instrument: str
    register: tuple[int, int]
    spread: Spread = Spread.CLOSE
    families: tuple[str, ...] = ()
    boost: int = 0

    @property
    def sound(self) -> Instrument:
        """The instrument."""
        return INSTRUMENTS[self.instrument]


Preset = dict[Role, PresetPart]

_HELD, _WALK, _DRIVE = ("bass held",), ("bass pulse",), ("bass drive",)
_FLOWING = ("broken", "rising", "wave")

PRESETS: dict[str, Preset] = {
    "orchestra": {
        Role.MELODY: PresetPart("oboe", (60, 86), boost=12),
        Role.COUNTER: PresetPart("clarinet", (52, 76), boost=4),
        Role.CHORDS: PresetPart("horns", (48, 76), Spread.CLOSE),
        Role.BASS: PresetPart("basses", (28, 47), families=_WALK, boost=4),
        Role.FIGURE: PresetPart("pizzicato", (60, 88), families=("broken", "wave", "rising"), boost=5),
        Role.SWELL: PresetPart("slow strings", (60, 88), Spread.OPEN, boost=-8),
        Role.HITS: PresetPart("timpani", (38, 57)),
    },
    "action": {
        Role.MELODY: PresetPart("trumpet", (57, 82), boost=8),
        Role.COUNTER: PresetPart("horns", (48, 72), boost=4),
        Role.CHORDS: PresetPart("brass", (48, 77), Spread.CLOSE),
        Role.BASS: PresetPart("basses", (28, 47), families=_DRIVE, boost=6),
        Role.FIGURE: PresetPart("strings", (55, 84), families=("pulse", "broken"), boost=6),
        Role.SWELL: PresetPart("slow strings", (64, 93), Spread.OPEN, boost=-10),
        Role.HITS: PresetPart("taiko", (36, 55), boost=8),
    },
    "suspense": {
        Role.MELODY: PresetPart("clarinet", (55, 82), boost=10),
        Role.COUNTER: PresetPart("viola", (48, 74), boost=4),
        Role.CHORDS: PresetPart("tremolo", (50, 77), Spread.DROP2, boost=-6),
        Role.BASS: PresetPart("basses", (28, 46), families=_HELD, boost=4),
        Role.FIGURE: PresetPart("pizzicato", (58, 84), families=("pulse", "bell"), boost=2),
        Role.SWELL: PresetPart("slow strings", (62, 91), Spread.OPEN, boost=-8),
        Role.HITS: PresetPart("timpani", (38, 57)),
    },
    "dark": {
        Role.MELODY: PresetPart("english horn", (54, 80), boost=10),
        Role.COUNTER: PresetPart("cello", (43, 67), boost=4),
        Role.CHORDS: PresetPart("choir", (48, 74), Spread.DROP2, boost=-4),
        Role.BASS: PresetPart("basses", (28, 44), families=_HELD, boost=4),
        Role.FIGURE: PresetPart("celesta", (67, 96), families=("bell", "wave"), boost=4),
        Role.SWELL: PresetPart("tremolo", (60, 88), Spread.OPEN, boost=-6),
        Role.HITS: PresetPart("timpani", (38, 57), boost=4),
    },
    "elegy": {
        Role.MELODY: PresetPart("violin", (57, 86), boost=10),
        Role.COUNTER: PresetPart("cello", (43, 67), boost=4),
        Role.CHORDS: PresetPart("slow strings", (50, 77), Spread.DROP2, boost=-6),
        Role.BASS: PresetPart("cello", (36, 52), families=_HELD, boost=2),
        Role.FIGURE: PresetPart("piano", (57, 88), families=("rising", "wave"), boost=6),
        Role.SWELL: PresetPart("choir", (57, 81), Spread.OPEN, boost=-8),
        Role.HITS: PresetPart("harp", (36, 55)),
    },
    "warm": {
        Role.MELODY: PresetPart("flute", (62, 89), boost=10),
        Role.COUNTER: PresetPart("clarinet", (52, 76), boost=2),
        Role.CHORDS: PresetPart("warm pad", (48, 77), Spread.DROP2, boost=-6),
        Role.BASS: PresetPart("upright", (28, 48), families=_WALK, boost=4),
        Role.FIGURE: PresetPart("guitar", (52, 79), families=_FLOWING, boost=4),
        Role.SWELL: PresetPart("slow strings", (60, 88), Spread.OPEN, boost=-10),
        Role.HITS: PresetPart("harp", (36, 55)),
    },
    "piano": {
        Role.MELODY: PresetPart("piano", (60, 86), boost=10),
        Role.COUNTER: PresetPart("cello", (43, 67), boost=2),
        Role.CHORDS: PresetPart("piano", (50, 76), Spread.CLOSE, boost=-8),
        Role.BASS: PresetPart("piano", (31, 52), families=_WALK),
        Role.FIGURE: PresetPart("piano", (64, 96), families=_FLOWING, boost=4),
        Role.SWELL: PresetPart("slow strings", (60, 88), Spread.OPEN, boost=-12),
        Role.HITS: PresetPart("piano", (24, 43)),
    },
    "synth": {
        Role.MELODY: PresetPart("saw lead", (57, 84), boost=-2),
        Role.COUNTER: PresetPart("warm pad", (50, 74), boost=2),
        Role.CHORDS: PresetPart("polysynth", (48, 77), Spread.OPEN, boost=-6),
        Role.BASS: PresetPart("synth bass", (28, 48), families=_DRIVE, boost=6),
        Role.FIGURE: PresetPart("square lead", (57, 88), families=("pulse", "rising", "broken"), boost=-8),
        Role.SWELL: PresetPart("synth strings", (60, 91), Spread.OPEN, boost=-14),
        Role.HITS: PresetPart("taiko", (36, 55)),
    },
}
"""Preset -> role -> instrument and register. A new preset needs only an entry here."""

PRESET_OF_MOOD: dict[str, str] = {
    "exciting": "action",
    "fearful": "dark",
    "tense": "suspense",
    "sad": "elegy",
    "relaxing": "warm",
    "neutral": "orchestra",
}
"""Emotion -> preset; it counts when ``--preset`` is not given and affect is not 0."""

DEFAULT_PRESET = "orchestra"


def parse_preset(text: str) -> str:
    """The preset's name, case ignored.

    Raises:
        InputError: no such preset.
    """
    name = text.strip().lower()
    if name not in PRESETS:
        raise InputError(f"preset {text!r} is unknown", "choose " + ", ".join(PRESETS))
    return name


def parse_parts(text: str) -> tuple[Role, ...]:
    """Read ``"chords,bass,figure"`` (or ``"all"``) into roles, in the order of the tracks.

    Raises:
        InputError: an unknown part, or none.
    """
    words = [word for word in text.lower().replace(",", " ").split() if word]
    if words == ["all"]:
        return tuple(Role)
    unknown = [word for word in words if word not in set(Role)]
    if unknown or not words:
        raise InputError(f"part {(unknown or [text])[0]!r} is unknown", "choose from " + ", ".join(Role))
    return tuple(role for role in Role if role in words)
