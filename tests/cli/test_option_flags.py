"""The flags of ``score``, ``fit`` and ``timeline`` come from the model of the options, and so do their defaults."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from v2m_bridge.cli.main import app
from v2m_bridge.cli.option_flags import options_of_flags, takes_options
from v2m_bridge.errors import InputError
from v2m_bridge.option_table import OPTIONS, OptionRow
from v2m_bridge.options import ScoreOptions

SAMPLES: dict[str, tuple[list[str], Any]] = {
    "tempo": (["96.5"], 96.5),
    "key": (["G minor"], "G minor"),
    "mood": (["sad"], "sad"),
    "preset": (["piano"], "piano"),
    "parts": (["bass, hits"], ("bass", "hits")),
    "primer": (["C Am"], "C Am"),
    "locks": (["1=C", "2=G"], ("1=C", "2=G")),
    "must": (["DOOR"], "DOOR"),
    "ignore_colors": (["BLUE", "RED"], ("BLUE", "RED")),
    "weights": (["cut=0", "Marker = 3"], {"cut": 0.0, "marker": 3.0}),
    "rate": (["23.976"], "23.976"),
    "dialogue": (["voice.wav"], "voice.wav"),
    "texture": (["figures"], "figures"),
    "theme": (["own.mid"], "own.mid"),
    "theme_at": (["01:00:12:00"], "01:00:12:00"),
    "in_point": (["01:00:05:00"], "01:00:05:00"),
    "out_point": (["01:00:20:00"], "01:00:20:00"),
    "cue": (["1m1"], "1m1"),
    "composer": (["A. Composer"], "A. Composer"),
    "cue_version": (["3"], "3"),
}
"""Key -> words of its flag, one a time it is given, and what JSON has then. Numbers and switches are made below."""


def sample_of(row: OptionRow) -> tuple[list[str], Any]:
    """Arguments that change this option, and the value they give."""
    if row.value_type is bool:
        return [row.flags.split("/")[-1 if row.default else 0]], not row.default
    if row.value_type in (int, float) and row.key not in SAMPLES:
        low = row.option.gt if row.option.ge is None else row.option.ge
        number = row.value_type((low or 0) + (1 if row.value_type is int else 0.25) * (row.default != 0.25))
        return [row.flag, str(number)], number
    words, value = SAMPLES[row.key]
    return [argument for word in words for argument in (row.flag, word)], value


def read(*arguments: str, wanted: tuple[str, ...] = ()) -> ScoreOptions:
    """What a command with these flags gets."""
    got: list[ScoreOptions] = []
    program = typer.Typer()

    @program.command()
    @takes_options(*wanted)
    def command(options: ScoreOptions, last: bool = typer.Option(False, "--last")) -> None:
        got.append(options)

    result = CliRunner().invoke(program, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return got[0]


@pytest.mark.parametrize("row", OPTIONS, ids=lambda row: row.flag)
def test_a_flag_changes_its_option_and_no_other(row: OptionRow) -> None:
    arguments, value = sample_of(row)
    assert read(*arguments) == ScoreOptions(**{row.key: value}) != ScoreOptions()


@pytest.mark.parametrize(
    ("command", "keys"),
    [
        ("score", {row.key for row in OPTIONS}),
        ("fit", {row.key for row in OPTIONS if row.group.name in ("edit", "hits", "fit")} | {"mood"}),
        ("timeline", {"rate", "in_point", "out_point"}),
    ],
)
def test_a_command_has_its_options_with_the_model_s_defaults(command: str, keys: set[str]) -> None:
    parameters = {p.name: p for p in get_command(app).commands[command].params}  # type: ignore[attr-defined]
    assert keys <= parameters.keys()
    assert not {row.key for row in OPTIONS} - keys & parameters.keys()
    assert options_of_flags({key: parameters[key].default for key in keys}) == ScoreOptions()
    for row in OPTIONS:
        if row.key in keys:
            assert parameters[row.key].opts[0] == row.flag
            assert parameters[row.key].help.startswith(row.option.help)


def test_the_three_faces_have_the_same_defaults() -> None:
    from v2m_bridge.daemon.http.choices import form_choices
    from v2m_bridge.daemon.schemas import ScoreRequest

    form = {field.key: field.default for field in form_choices().options}
    assert form == ScoreOptions().model_dump()
    assert read() == ScoreRequest(timeline_path="/a.otio").options == ScoreOptions(**form) == ScoreOptions()


def test_a_command_may_take_a_few() -> None:
    options = read("--range", "0.2", "--mood", "tense", wanted=("fit", "mood"))
    assert (options.fit.tempo_range, options.direction.mood) == (0.2, "tense")
    assert CliRunner().invoke(_program_of("mood"), ["--range", "0.2"]).exit_code == 2


def _program_of(*wanted: str) -> typer.Typer:
    program = typer.Typer()

    @program.command()
    @takes_options(*wanted)
    def command(options: ScoreOptions, last: bool = typer.Option(False, "--last")) -> None:
        pass

    return program


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tempo": "fast"}, ["--tempo", "'fast'", "auto"]),
        ({"tempo": "1000"}, ["--tempo", "1000", "300"]),
        ({"seed": -1}, ["--seed", "-1"]),
        ({"tempo_range": 0.4}, ["--range", "0.4", "0.3"]),
        ({"key": "H minor"}, ["--key", "H minor"]),
        ({"mood": "hungry"}, ["--mood", "hungry", "relaxing"]),
        ({"preset": "kazoo"}, ["--preset", "kazoo", "piano"]),
        ({"parts": "kazoo"}, ["--parts", "kazoo", "swell"]),
        ({"rate": "fast"}, ["--rate", "fast"]),
        ({"locks": ["1"]}, ["--lock", "'1'"]),
        ({"weights": ["jump=1"]}, ["--weight", "jump=1", "dissolve"]),
        ({"weights": ["cut=x"]}, ["--weight", "cut=x"]),
        ({"weights": ["motion=1"]}, ["--weight", "--motion-hits"]),
    ],
)
def test_a_refusal_names_the_flag(given: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(InputError) as refused:
        options_of_flags(given)
    text = str(refused.value)
    assert all(word in text for word in words), text
    assert text.startswith(words[0])


def test_help_loads_neither_pydantic_nor_numpy() -> None:
    code = "import v2m_bridge.cli.main, sys; print(sorted({'pydantic', 'numpy'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
