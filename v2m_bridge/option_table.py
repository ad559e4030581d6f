"""Every option of a score as one table, read off the stages' own options; nothing here imports anything heavy.

:mod:`v2m_bridge.options` says how to add an option.
"""

from __future__ import annotations

import types
import typing
import unicodedata
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from enum import Enum
from functools import cached_property
from typing import Annotated, Any, Union

from v2m_bridge.amt.decode_options import DecodeOptions, HarmonyOptions
from v2m_bridge.errors import InputError
from v2m_bridge.music.arrange_options import ArrangeOptions
from v2m_bridge.music.emotions import EMOTIONS, parse_emotion
from v2m_bridge.music.keys import Key, parse_key
from v2m_bridge.music.themes.player_options import PlayerOptions
from v2m_bridge.option_fields import Option
from v2m_bridge.sync.model import FitOptions
from v2m_bridge.timeline.hits import HitOptions
from v2m_bridge.timing.rates import exact_rate
from v2m_bridge.timing.timecode import check_timecode


def check_one_line(text: str) -> None:
    """Refuse line breaks and other control characters, which names on tracks and sheets cannot have.

    Raises:
        InputError: the text has some.
    """
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise InputError(f"{text!r} is not one line of plain text")


KEY_NAMES = tuple(Key(tonic, minor).name for minor in (False, True) for tonic in range(12))


@dataclass(frozen=True)
class DirectionOptions:
    """What the score as a whole should be; every stage after the fit reads it."""

    key: Annotated[
        str | None,
        Option(
            'Key, such as "A minor"; without it the mood asked for or the picture chooses.',
            choices=KEY_NAMES,
            unset="From the mood or the picture",
            check=parse_key,
            first=True,
        ),
    ] = None
    mood: Annotated[
        str | None,
        Option(
            f"{', '.join(EMOTIONS[:-1])} or {EMOTIONS[-1]}, for the whole film.",
            choices=EMOTIONS,
            unset="From the picture",
            check=parse_emotion,
            first=True,
        ),
    ] = None
    seed: Annotated[int, Option("Another seed, another score.", label="Take (seed)", ge=0, lt=2**63, step=1)] = 0
    affect: Annotated[
        float,
        Option("How strongly the mood bends the harmony; 0 is off.", label="Mood bends harmony", ge=0, le=3, step=0.1),
    ] = 1.0
    under_dialogue: Annotated[
        float,
        Option(
            "How far the music gives way under speech: 0 not at all, 1 to almost nothing.",
            label="Give way to dialogue",
            ge=0,
            le=1,
            step=0.1,
        ),
    ] = 0.6
    dialogue: Annotated[
        str | None,
        Option(
            "Sound or video file with the dialogue, in time with the edit; without it the clips' own sound is heard.",
            label="Dialogue track",
            unset="The clips' sound",
            example="dialogue.wav",
            max_length=4096,
        ),
    ] = None


@dataclass(frozen=True)
class EditOptions:
    """How the edit is read, and which frames of it are scored: ``[first_frame, end_frame)``, from its start.

    ``in_point`` and ``out_point`` say the same in the edit's timecode.
    """

    rate: Annotated[
        str | None,
        Option(
            "Frame rate of an EDL, such as 23.976.",
            label="EDL frame rate",
            unset="The edit's own",
            example="23.976",
            check=exact_rate,
        ),
    ] = None
    first_frame: Annotated[
        int | None, Option("First frame to score, counted from the start of the edit.", ge=0, unset="The first", step=1)
    ] = None
    end_frame: Annotated[int | None, Option("Frame before which the score ends.", gt=0, unset="The last", step=1)] = (
        None
    )
    in_point: Annotated[
        str | None,
        Option(
            "Timecode from which on to score, such as 01:02:03:04.",
            label="In point",
            flag="--in",
            unset="The start",
            example="01:02:03:04",
            check=check_timecode,
        ),
    ] = None
    out_point: Annotated[
        str | None,
        Option(
            "Timecode before which the score ends.",
            label="Out point",
            unset="The end",
            example="01:02:33:04",
            check=check_timecode,
        ),
    ] = None


@dataclass(frozen=True)
class CueOptions:
    """What the cue is called on sheets, tracks and regions."""

    cue: Annotated[
        str | None,
        Option(
            "Number of the cue, such as 1m1: in front of its tracks and its region, and on the cue sheet.",
            label="Cue number",
            unset="None",
            example="1m1",
            max_length=40,
            check=check_one_line,
        ),
    ] = None
    composer: Annotated[
        str | None,
        Option("Name of the composer, for the sheets.", unset="None", max_length=120, check=check_one_line),
    ] = None
    cue_version: Annotated[
        str | None,
        Option(
            "Version of the cue, such as 3: behind its title.",
            flag="--version",
            label="Version",
            unset="None",
            example="3",
            max_length=40,
            check=check_one_line,
        ),
    ] = None


@dataclass(frozen=True)
class OutputOptions:
    """Files that are written only when they are asked for."""

    preview: Annotated[bool, Option("Also render preview.wav.", label="Preview")] = False
    stems: Annotated[bool, Option("With the preview, also render a WAV for each part.", label="Stems")] = False


@dataclass(frozen=True)
class OptionGroup:
    """The options of one stage: the field of ``ScoreOptions`` that holds them, and what users see above them.

    ``main``: on the command line they stand among the general options, without a panel of their own.
    """

    name: str
    stage: type
    title: str
    main: bool = False


GROUPS: tuple[OptionGroup, ...] = (
    OptionGroup("direction", DirectionOptions, "The score as a whole", main=True),
    OptionGroup("decoding", DecodeOptions, "Which chords"),
    OptionGroup("harmony", HarmonyOptions, "Which chords"),
    OptionGroup("arrangement", ArrangeOptions, "Who plays"),
    OptionGroup("player", PlayerOptions, "Who plays"),
    OptionGroup("hits", HitOptions, "What counts as a hit"),
    OptionGroup("fit", FitOptions, "How the tempo follows the hits"),
    OptionGroup("edit", EditOptions, "The edit", main=True),
    OptionGroup("cue", CueOptions, "The cue", main=True),
    OptionGroup("output", OutputOptions, "Files", main=True),
)

FAR = 1e6
"""A bound as large as this only keeps numbers sane; nobody needs to read it."""

# fmt: off
FIRST_KEYS = (
    "tempo", "key", "mood", "seed", "affect", "temperature", "top_p", "change_at_cut", "candidates",
    "harmonic_rhythm_s", "preset", "parts", "primer", "locks", "must", "ignore_colors", "weights", "min_spacing_s",
    "max_per_minute", "tempo_range", "max_step", "tolerance_frames", "eighths", "odd_bar_cost", "steadiness",
    "motion_hits", "tail_s", "preview", "rate", "first_frame", "end_frame",
)
# fmt: on
"""Order of the keys in JSON, as the first scores have them on disk. Newer keys follow, group by group."""


@dataclass(frozen=True)
class OptionRow:
    """One option: its place among the stages, its type and default, and what the stage says about it.

    Attributes:
        field: name in the stage's options.
        type: the field's type; ``default`` its value when nothing is asked for.
    """

    group: OptionGroup
    field: str
    type: Any
    default: Any
    option: Option

    @property
    def key(self) -> str:
        """Key in JSON."""
        return self.option.key or self.field

    @property
    def flags(self) -> str:
        """As typer takes it: ``--range``, or ``--eighths/--no-eighths``."""
        return self.option.flag or "--" + self.key.removesuffix("_s").replace("_", "-")

    @property
    def flag(self) -> str:
        """The flag alone, for messages."""
        return self.flags.partition("/")[0]

    @property
    def label(self) -> str:
        """Caption for people, without the unit."""
        return self.option.label or self.key.removesuffix("_s").replace("_", " ").capitalize()

    @property
    def choices(self) -> tuple[str, ...]:
        """Words that the value may be, or the names that a mapping may hold."""
        return tuple(str(choice) for choice in self.option.choices)

    @cached_property
    def value_type(self) -> Any:
        """The type without None."""
        if typing.get_origin(self.type) not in (Union, types.UnionType):
            return self.type
        (kind,) = (kind for kind in typing.get_args(self.type) if kind is not type(None))
        return kind

    @property
    def optional(self) -> bool:
        """Whether the value may be None."""
        return self.value_type is not self.type

    @property
    def is_list(self) -> bool:
        """Whether the value is a tuple of texts."""
        return typing.get_origin(self.value_type) is tuple

    @property
    def is_mapping(self) -> bool:
        """Whether the value gives numbers by name."""
        return isinstance(typing.get_origin(self.value_type), type) and issubclass(
            typing.get_origin(self.value_type), Mapping
        )

    @property
    def range_text(self) -> str:
        """The bounds of a number in words: ``0 to 0.3``, ``above 0 to 10``, ``0 or more``; empty without bounds."""
        option = self.option
        low, high = (option.gt if option.ge is None else option.ge), (option.lt if option.le is None else option.le)
        if low is None:
            return "" if high is None else f"up to {high:,.10g}"
        above = "above " if option.ge is None else ""
        if high is None or high >= FAR:
            return f"{above}{low:,.10g}" + (" or more" if not above else "")
        return f"{above}{low:,.10g} to {high:,.10g}"

    @property
    def json_default(self) -> Any:
        """The default as JSON has it."""
        return self.to_json(self.default)

    def to_json(self, value: Any) -> Any:
        """The stage's value as JSON has it."""
        if value is None:
            return self.option.word_for_none or None
        if self.is_mapping:
            return {str(name): number for name, number in value.items()}
        return value

    def from_json(self, value: Any) -> Any:
        """A valid value of JSON as the stage has it."""
        if self.option.word_for_none and value == self.option.word_for_none:
            return None
        if self.is_mapping:
            name_type = typing.get_args(self.value_type)[0]
            return {name_type(name) if issubclass(name_type, Enum) else name: n for name, n in value.items()}
        return value

    def check(self, value: Any) -> None:
        """Refuse words that no stage knows; None and an empty text ask for nothing.

        Raises:
            InputError: which word, and those that are known.
        """
        if self.option.check is not None and value not in (None, ""):
            self.option.check(value)


def _rows(group: OptionGroup) -> list[OptionRow]:
    hints = typing.get_type_hints(group.stage, include_extras=True)
    rows = []
    for field in fields(group.stage):
        notes = getattr(hints[field.name], "__metadata__", ())
        option = next((note for note in notes if isinstance(note, Option)), None)
        if option is not None:
            made = field.default_factory() if field.default_factory is not MISSING else field.default
            rows.append(OptionRow(group, field.name, typing.get_args(hints[field.name])[0], made, option))
    return rows


def _table() -> tuple[OptionRow, ...]:
    rows = [row for group in GROUPS for row in _rows(group)]
    place = {key: number for number, key in enumerate(FIRST_KEYS)}
    return tuple(sorted(rows, key=lambda row: place.get(row.key, len(place))))


OPTIONS: tuple[OptionRow, ...] = _table()
"""All options in the order of JSON."""

OPTION_BY_KEY: Mapping[str, OptionRow] = types.MappingProxyType({row.key: row for row in OPTIONS})
