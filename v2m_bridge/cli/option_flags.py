"""The options of a score as flags of a command: made from :mod:`v2m_bridge.option_table`, none is written here."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

import typer

from v2m_bridge.errors import InputError
from v2m_bridge.option_table import OPTION_BY_KEY, OPTIONS, OptionRow

if TYPE_CHECKING:
    from v2m_bridge.options import ScoreOptions

PLACE = "options"
"""Name of the command's parameter that gets the options; the flags stand after the required ones."""


def takes_options(*wanted: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the flags of some options; its parameter ``options`` gets them, checked, as ``ScoreOptions``.

    Args:
        wanted: groups of options (fields of ``ScoreOptions``) or keys of single ones; none: all. What is not wanted
            has its default.
    """
    rows = [row for row in OPTIONS if not wanted or row.key in wanted or row.group.name in wanted]
    rows.sort(key=lambda row: not _is_general(row))

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: Any) -> None:
            flags = {row.key: given.pop(row.key) for row in rows}
            command(**given, **{PLACE: options_of_flags(flags)})

        hints = typing.get_type_hints(command, localns={"ScoreOptions": object})
        own = inspect.signature(command).parameters
        parameters = [parameter.replace(annotation=hints[name]) for name, parameter in own.items()]
        parameters = [parameter for parameter in parameters if parameter.name != PLACE]
        at = next(n for n, parameter in enumerate(parameters) if parameter.default.default is not ...)
        parameters[at:at] = [_parameter(row) for row in rows]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def _is_general(row: OptionRow) -> bool:
    """Whether the flag stands among the general ones, not in a panel of its group."""
    return row.option.first or row.group.main


def _parameter(row: OptionRow) -> inspect.Parameter:
    kind, default = _flag_type(row)
    option = typer.Option(
        default,
        row.flags,
        help=row.option.help + flag_notes(row),
        metavar=_metavar(row),
        rich_help_panel=None if _is_general(row) else row.group.title,
    )
    return inspect.Parameter(row.key, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=option, annotation=kind)


def flag_notes(row: OptionRow) -> str:
    """How a list is given on the command line, to stand after the help; empty for anything else."""
    if row.option.commas:
        return " Commas between."
    return " Repeatable." if row.is_list or row.is_mapping else ""


def _flag_type(row: OptionRow) -> tuple[Any, Any]:
    """Type and default of the parameter that typer sees."""
    if row.option.word_for_none:
        return str, row.json_default
    if row.option.commas:
        return str | None, None if row.default is None else ",".join(row.default)
    if row.is_mapping:
        return list[str], [f"{name}={number:g}" for name, number in row.default.items()]
    if row.is_list:
        return list[str], list(row.default)
    return row.type, row.default


def _metavar(row: OptionRow) -> str | None:
    """The range of a number; None leaves it to the type."""
    if row.value_type not in (int, float) or not row.range_text:
        return None
    return f"<{row.range_text}{f' or {row.option.word_for_none}' if row.option.word_for_none else ''}>"


def options_of_flags(given: Mapping[str, Any]) -> ScoreOptions:
    """Checked options of what typer read, by key.

    Raises:
        InputError: the first value that cannot be used, in one line that names its flag.
    """
    from pydantic import ValidationError

    from v2m_bridge.options import ScoreOptions

    values = {key: _value(OPTION_BY_KEY[key], flag) for key, flag in given.items()}
    try:
        options = ScoreOptions(**values)
    except ValidationError as error:
        first = error.errors()[0]
        row = OPTION_BY_KEY[str(first["loc"][0])]
        raise InputError(f"{row.flag} {first['input']!r}: {first['msg'].lower()}") from None
    for key in given:
        _check_words(OPTION_BY_KEY[key], values[key])
    return options


def _value(row: OptionRow, flag: Any) -> Any:
    """The value that JSON would have."""
    if row.option.word_for_none:
        return _number_or_word(row, flag)
    if row.option.commas:
        return None if flag is None else tuple(word.strip() for word in flag.split(","))
    if row.is_mapping:
        return _numbers_by_name(row, flag)
    return tuple(flag) if row.is_list else flag


def _number_or_word(row: OptionRow, text: str) -> float | str:
    word = row.option.word_for_none
    if text.strip().lower() == word:
        return word
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{row.flag} {text!r} is neither a number nor {word}") from None


def _numbers_by_name(row: OptionRow, texts: Sequence[str]) -> dict[str, float]:
    """``name=number`` texts as numbers by name."""
    numbers: dict[str, float] = {}
    for text in texts:
        name, _, number = text.partition("=")
        name = name.strip().lower()
        try:
            if name not in row.choices:
                raise ValueError(name)
            numbers[name] = float(number)
        except ValueError:
            raise InputError(f"{row.flag} {text!r} is unknown", row.option.help) from None
    return numbers


def _check_words(row: OptionRow, value: Any) -> None:
    try:
        row.check(value)
    except InputError as error:
        if row.flag not in error.message:
            error.message = f"{row.flag}: {error.message}"
        raise
