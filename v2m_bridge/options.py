"""What a user can ask of a score: one model for the command line, the daemon, the console and the score itself.

The options are those of the stages, each written once, beside the stage's field
(:class:`v2m_bridge.option_fields.Option`): default, range, choices, help, flag. Everything else is made from that:
the flags of ``score`` and ``fit``, the keys and the checks of JSON, the console's form, ``docs/options.md``.

To add an option:

1. Add a field to the stage's own options (``timeline.hits.HitOptions``, ``sync.model.FitOptions``,
   ``amt.decode_options``, ``music.arrange_options.ArrangeOptions``; what concerns several stages:
   ``option_table.DirectionOptions``) and annotate it with an ``Option``.
2. Use the field in the stage.
3. Write the table anew: ``python -m v2m_bridge.cli.option_docs``.

A stage whose options are new here becomes a line of ``option_table.GROUPS`` and a field of ``ScoreOptions``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model, model_serializer, model_validator

from v2m_bridge.amt.decode_options import DecodeOptions, HarmonyOptions
from v2m_bridge.music.arrange_options import ArrangeOptions
from v2m_bridge.music.themes.player_options import PlayerOptions
from v2m_bridge.option_table import (
    GROUPS,
    OPTIONS,
    CueOptions,
    DirectionOptions,
    EditOptions,
    OptionRow,
    OutputOptions,
)
from v2m_bridge.sync.model import FitOptions
from v2m_bridge.timeline.hits import HitOptions

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

_FROZEN = ConfigDict(frozen=True, extra="forbid")


def _json_type(row: OptionRow) -> Any:
    """The type that JSON's value has to have, with the option's bounds."""
    one_of: Any = Literal  # of words that only the table knows
    option = row.option
    bounds = {name: getattr(option, name) for name in ("ge", "gt", "le", "lt", "max_length")}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    if row.is_mapping:
        return dict[one_of[row.choices], Annotated[float, Field(**given)]]
    plain = Annotated[row.value_type, Field(**given)] if given else row.value_type
    if option.word_for_none:
        return plain | one_of[option.word_for_none]
    return plain | None if row.optional else plain


def _json_field(row: OptionRow) -> tuple[Any, Any]:
    if row.is_mapping:
        return _json_type(row), Field(default_factory=lambda: row.json_default, description=row.option.help)
    return _json_type(row), Field(default=row.json_default, description=row.option.help)


_FIELDS: Any = {row.key: _json_field(row) for row in OPTIONS}
_FlatOptions: type[BaseModel] = create_model("ScoreOptions", __config__=_FROZEN, **_FIELDS)
"""The options as JSON has them: checked here, then handed to their stages."""


class ScoreOptions(BaseModel):
    """Options of one score, by stage; the finished score echoes those that were really used.

    JSON is flat: ``{"tempo": "auto", "key": null, ...}``, and so is the call: ``ScoreOptions(tempo=96, seed=3)``.
    """

    model_config = _FROZEN

    direction: DirectionOptions
    edit: EditOptions
    cue: CueOptions
    output: OutputOptions
    decoding: DecodeOptions
    harmony: HarmonyOptions
    arrangement: ArrangeOptions
    player: PlayerOptions
    hits: HitOptions
    fit: FitOptions

    if TYPE_CHECKING:

        def __init__(self, **options: Any) -> None:
            """Options by their keys in JSON; those left out have their defaults."""

    @model_validator(mode="before")
    @classmethod
    def _by_stage(cls, data: Any) -> Any:
        if isinstance(data, cls):
            return data
        flat = _FlatOptions.model_validate(data)
        stages: dict[str, dict[str, Any]] = {group.name: {} for group in GROUPS}
        for row in OPTIONS:
            stages[row.group.name][row.field] = row.from_json(getattr(flat, row.key))
        return {group.name: group.stage(**stages[group.name]) for group in GROUPS}

    @model_serializer
    def _flat(self) -> dict[str, Any]:
        return {row.key: row.to_json(self.value(row)) for row in OPTIONS}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return _FlatOptions.model_json_schema(mode=handler.mode) | {"description": cls.__doc__}

    def check(self) -> None:
        """Refuse words that no stage knows, before any long work.

        Raises:
            InputError: an unknown key, mood, part, preset, chord symbol or rate.
        """
        for row in OPTIONS:
            row.check(self.value(row))

    def value(self, row: OptionRow) -> Any:
        """The value of one option, as its stage has it."""
        return getattr(getattr(self, row.group.name), row.field)
