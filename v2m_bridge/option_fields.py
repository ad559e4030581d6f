"""How a stage declares what a user may ask of it: beside the field, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Option:
    """What every face of an option needs: command line, JSON, console and ``docs/options.md``.

    A stage annotates a field of its frozen options with it; the field's own default and type are the option's::

        tempo_range: Annotated[float, Option("How far the tempo may leave ...", flag="--range", ge=0, le=0.3)] = 0.10

    A field without an ``Option`` is the stage's own affair and appears nowhere else.

    Attributes:
        help: one or two sentences for ``--help``, the console and the table in the docs.
        key: key in JSON; empty: the field's name.
        flag: name on the command line, ``--eighths/--no-eighths`` for a pair; empty: made from the key without its
            ``_s``. A list is given by repeating the flag.
        commas: a list is given as one word with commas instead.
        label: caption in the console; empty: made from the key.
        unit: unit of a number, shown beside the label: ``s``, ``bpm``, ``frames``.
        ge, gt, le, lt: bounds of a number, included or not, or of the numbers of a mapping.
        max_length: most characters of a text.
        step: by how much the console's control moves.
        choices: words that the value may be; of a mapping the keys that it may have.
        word_for_none: word that stands for None in JSON and on the command line, such as ``auto``.
        unset: what happens when nothing is asked for, in the console and the docs: ``From the mood``.
        example: a value to show in an empty field.
        check: called with a value that is not None; raises ``InputError`` when no stage knows the words in it.
        first: whether it stands among the few that a user looks for first.
    """

    help: str
    key: str = ""
    flag: str = ""
    commas: bool = False
    label: str = ""
    unit: str = ""
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    max_length: int | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()
    word_for_none: str = ""
    unset: str = ""
    example: str = ""
    check: Callable[[Any], object] | None = None
    first: bool = False
