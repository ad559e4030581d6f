"""One model of the options: flat in JSON, by stage in Python, and the same page of docs."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from v2m_bridge.cli.option_docs import PAGE, option_page
from v2m_bridge.errors import InputError
from v2m_bridge.option_table import GROUPS, OPTIONS, OptionRow
from v2m_bridge.options import ScoreOptions
from v2m_bridge.timeline.hits import HitKind

DEFAULTS = (
    '{"tempo":"auto","key":null,"mood":null,"seed":0,"affect":1.0,"temperature":1.0,"top_p":0.97,"change_at_cut":2.0,'
    '"candidates":8,"harmonic_rhythm_s":1.0,"preset":null,"parts":null,"primer":null,"locks":[],"must":"HIT",'
    '"ignore_colors":[],"weights":{},"min_spacing_s":0.0,"max_per_minute":null,"tempo_range":0.1,"max_step":0.06,'
    '"tolerance_frames":0.5,"eighths":true,"odd_bar_cost":3.0,"steadiness":0.0,"motion_hits":0.0,"tail_s":0.0,'
    '"preview":false,"rate":null,"first_frame":null,"end_frame":null,'
    '"under_dialogue":0.6,"dialogue":null,"humanize":0.0,"texture":"player","themes":true,"theme":null,"theme_at":null,'
    '"in_point":null,"out_point":null,"cue":null,"composer":null,"cue_version":null,"stems":false}'
)
OTHERS: dict[str, Any] = {
    "tempo": 96.5, "key": "G minor", "mood": "sad", "seed": 2**63 - 1, "affect": 0.5, "temperature": 0.8, "top_p": 1.0,
    "change_at_cut": 0.0, "candidates": 3, "harmonic_rhythm_s": 2.0, "preset": "piano", "parts": ["bass", "hits"],
    "primer": "C Am", "locks": ["12.5=Dm7", "20=G"], "must": "", "ignore_colors": ["BLUE"],
    "weights": {"marker": 3.0, "cut": 0.5}, "min_spacing_s": 0.25, "max_per_minute": 20.0, "tempo_range": 0.05,
    "max_step": 0.0, "tolerance_frames": 1.0, "eighths": False, "odd_bar_cost": 0.5, "steadiness": 2.0,
    "motion_hits": 0.3, "tail_s": 3.0, "preview": True, "rate": "23.976", "first_frame": 24, "end_frame": 480,
    "under_dialogue": 0.25, "dialogue": "voice.wav", "humanize": 0.2, "texture": "figures", "themes": False,
    "theme": "theme.mid",
    "theme_at": "01:00:12:00",
    "in_point": "01:00:05:00",
    "out_point": "01:00:20:00",
    "cue": "1m1",
    "composer": "A. Composer",
    "cue_version": "3",
    "stems": True,
}  # fmt: skip


def test_defaults_are_the_same_bytes_as_on_disk() -> None:
    assert ScoreOptions().model_dump_json() == DEFAULTS
    assert [row.key for row in OPTIONS] == list(json.loads(DEFAULTS))


def test_json_is_flat_and_comes_back_whole() -> None:
    options = ScoreOptions.model_validate_json(json.dumps(OTHERS))
    assert options.model_dump_json() == json.dumps(OTHERS, separators=(",", ":"))
    assert ScoreOptions(**OTHERS) == options != ScoreOptions()
    assert ScoreOptions.model_validate(options) is options


@pytest.mark.parametrize("row", OPTIONS, ids=lambda row: row.key)
def test_one_key_reaches_one_field_of_one_stage(row: OptionRow) -> None:
    assert row.key in OTHERS, "a new option needs a value here"
    options, plain = ScoreOptions(**{row.key: OTHERS[row.key]}), ScoreOptions()
    changed = [other.key for other in OPTIONS if options.value(other) != plain.value(other)]
    assert changed == [row.key]
    stage = getattr(options, row.group.name)
    assert type(stage) is row.group.stage
    assert row.to_json(getattr(stage, row.field)) == options.model_dump()[row.key]


def test_words_of_json_become_what_the_stages_take() -> None:
    options = ScoreOptions(**OTHERS)
    assert (options.fit.bpm, ScoreOptions(tempo="auto").fit.bpm) == (96.5, None)
    assert options.hits.weights == {HitKind.MARKER: 3.0, HitKind.CUT: 0.5}
    assert all(type(kind) is HitKind for kind in options.hits.weights)
    assert (options.hits.weight(HitKind.MOTION), options.hits.weight(HitKind.FADE)) == (0.3, 0.6)
    assert options.arrangement.roles() == ("bass", "hits")


@pytest.mark.parametrize(
    ("wrong", "place", "kind"),
    [
        ({"tempo": 5}, "tempo", "greater_than_equal"),
        ({"tempo": None}, "tempo", "float_type"),
        ({"seed": 2**63}, "seed", "less_than"),
        ({"temperature": 0}, "temperature", "greater_than"),
        ({"must": "x" * 101}, "must", "string_too_long"),
        ({"weights": {"motion": 1}}, "weights", "literal_error"),
        ({"weights": {"cut": -1}}, "weights", "greater_than_equal"),
        ({"max_per_minute": float("nan")}, "max_per_minute", "less_than_equal"),
        ({"spacing": 1}, "spacing", "extra_forbidden"),
    ],
)
def test_a_wrong_value_is_refused_by_its_key(wrong: dict[str, Any], place: str, kind: str) -> None:
    class Request(BaseModel):
        options: ScoreOptions

    with pytest.raises(ValidationError) as refused:
        Request.model_validate({"options": wrong})
    first = refused.value.errors()[0]
    assert (first["loc"][:2], first["type"]) == (("options", place), kind)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"key": "H minor"}, "H minor"),
        ({"mood": "hungry"}, "hungry"),
        ({"preset": "kazoo"}, "kazoo"),
        ({"parts": ("kazoo",)}, "kazoo"),
        ({"parts": ()}, "part"),
        ({"primer": "C H7"}, "H7"),
        ({"locks": ("x=C",)}, "x=C"),
        ({"rate": "fast"}, "fast"),
    ],
)
def test_words_that_no_stage_knows_are_refused_before_the_work(wrong: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        ScoreOptions(**wrong).check()
    ScoreOptions(**OTHERS).check()


def test_every_option_says_what_it_is() -> None:
    for row in OPTIONS:
        assert row.option.help.endswith("."), row.key
        assert row.label and row.flag.startswith("--"), row.key
        if row.value_type in (int, float):
            assert row.range_text, f"{row.key} has no range"
        assert bool(row.option.word_for_none) <= bool(row.optional and row.option.unset), row.key
    flags = [flag for row in OPTIONS for flag in row.flags.split("/")]
    assert len(set(flags)) == len(flags)
    assert {group.name for group in GROUPS} == ScoreOptions.model_fields.keys()


def test_the_schema_says_what_each_option_means() -> None:
    schema = ScoreOptions.model_json_schema()
    assert list(schema["properties"]) == [row.key for row in OPTIONS]
    assert schema["additionalProperties"] is False and "required" not in schema
    for row in OPTIONS:
        assert schema["properties"][row.key]["description"] == row.option.help
    assert schema["properties"]["tempo"]["anyOf"] == [
        {"type": "number", "minimum": 30, "maximum": 300},
        {"type": "string", "const": "auto"},
    ]
    assert ScoreOptions.model_json_schema(mode="serialization") == schema


def test_the_page_of_options_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == option_page(), "run python -m v2m_bridge.cli.option_docs"


def test_the_options_need_no_heavy_package() -> None:
    code = (
        "import sys, v2m_bridge.options; "
        "print([name for name in ('torch', 'numpy', 'av', 'opentimelineio', 'fastapi') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
