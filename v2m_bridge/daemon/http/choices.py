"""What a form needs to ask for a score: every option with its words and bounds, and the stages of the work."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from v2m_bridge.compose.stages import STAGES
from v2m_bridge.option_table import FAR, GROUPS, KEY_NAMES, OPTION_BY_KEY, OPTIONS, OptionRow

FieldKind = Literal["switch", "number", "integer", "choice", "text", "words", "texts", "numbers"]


class OptionField(BaseModel):
    """One option, as a form shows it.

    Attributes:
        key: key in ``options``; ``default`` its value when it is left out.
        kind: ``switch`` true or false; ``number`` and ``integer``; ``choice`` one of ``choices``; ``text``; ``words`` a
            list of some of ``choices``; ``texts`` a list of any texts; ``numbers`` numbers by name, the names
            ``choices``.
        optional: whether null asks for nothing in particular.
        minimum, maximum: bounds of a number; ``above`` when the minimum itself is too little; ``range`` says
            it in words.
        step: by how much a control moves; any number between is allowed too.
        word: text that may stand instead of a number, such as ``auto``.
        unset: what happens when nothing is asked for.
        example: a value to show in an empty field.
        group: heading above it; ``first`` when it belongs before all groups.
    """

    key: str
    label: str
    unit: str
    help: str
    kind: FieldKind
    default: Any
    optional: bool
    choices: list[str]
    minimum: float | None
    maximum: float | None
    above: bool
    range: str
    step: float | None
    word: str
    unset: str
    example: str
    group: str
    first: bool


class StageField(BaseModel):
    """A stage of the work: ``name`` as ``stage`` has it, ``share`` of the whole time."""

    name: str
    label: str
    share: float


class Choices(BaseModel):
    """What the options of a score may be, for forms.

    ``options`` begin with those that come ``first``; the others follow group by group. ``moods``, ``keys``,
    ``presets`` and ``parts`` repeat the words of four of them.
    """

    moods: list[str]
    keys: list[str]
    presets: list[str]
    parts: list[str]
    options: list[OptionField]
    stages: list[StageField]


def form_choices() -> Choices:
    """The same at any time: it depends on nothing but the program."""
    words = {key: list(OPTION_BY_KEY[key].choices) for key in ("mood", "preset", "parts")}
    titles = list(dict.fromkeys(group.title for group in GROUPS))
    rows = sorted(OPTIONS, key=lambda row: -1 if row.option.first else titles.index(row.group.title))
    return Choices(
        moods=words["mood"],
        keys=list(KEY_NAMES),
        presets=words["preset"],
        parts=words["parts"],
        options=[_field(row) for row in rows],
        stages=[StageField(name=stage.name, label=stage.label, share=stage.share) for stage in STAGES],
    )


def _field(row: OptionRow) -> OptionField:
    option = row.option
    low, high = (option.gt if option.ge is None else option.ge), (option.lt if option.le is None else option.le)
    return OptionField(
        key=row.key,
        label=row.label,
        unit=option.unit,
        help=option.help,
        kind=_kind(row),
        default=row.json_default,
        optional=row.optional,
        choices=list(row.choices),
        minimum=low,
        maximum=high if high is not None and high < FAR else None,
        above=option.ge is None and option.gt is not None,
        range=row.range_text,
        step=option.step,
        word=option.word_for_none,
        unset=option.unset,
        example=option.example,
        group=row.group.title,
        first=option.first,
    )


def _kind(row: OptionRow) -> FieldKind:
    if row.is_mapping:
        return "numbers"
    if row.is_list:
        return "words" if row.choices else "texts"
    if row.value_type is bool:
        return "switch"
    if row.value_type in (int, float):
        return "integer" if row.value_type is int else "number"
    return "choice" if row.choices else "text"
