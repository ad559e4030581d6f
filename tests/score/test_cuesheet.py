"""The facts of the cue sheet: page without a browser, CSV, and symbols through MIDI, JSON and CSV."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from cue_scores import film, make_score, thumbnails

import v2m_bridge.score
from v2m_bridge.errors import InputError
from v2m_bridge.music.chords import N_CHORDS, Chord, parse_label
from v2m_bridge.music.emotions import EMOTIONS
from v2m_bridge.music.instruments import Role
from v2m_bridge.music.keys import parse_key
from v2m_bridge.music.symbols import parse_symbol
from v2m_bridge.options import ScoreOptions
from v2m_bridge.score.cue_facts import CueFacts
from v2m_bridge.score.model import ChordDocument, MoodDocument, Score, SecondDocument
from v2m_bridge.score.write_csv import COLUMNS, write_cuesheet_csv
from v2m_bridge.score.write_cuesheet import pretty, write_cuesheet
from v2m_bridge.score.write_json import read_score, write_score
from v2m_bridge.score.write_midi import write_midi


@pytest.fixture(scope="module")
def score() -> Score:
    return make_score()


@pytest.fixture(scope="module")
def every_chord(score: Score) -> Score:
    """A score with all 157 chords, a beat each, in a key with flats."""
    key = parse_key("Bb minor")
    chords = [Chord.from_id(n) for n in range(N_CHORDS)]
    rows = tuple(
        ChordDocument(
            label=c.label,
            symbol=key.symbol(c),
            start_beat=float(n) / 2,
            end_beat=(n + 1) / 2,
            start_s=n * 0.3,
            end_s=(n + 1) * 0.3,
            probability=None if n % 2 else 0.5,
        )
        for n, c in enumerate(chords)
    )
    return score.model_copy(update={"chords": rows, "key": key.name})


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def kind(found: list[dict[str, str]], *names: str) -> list[dict[str, str]]:
    return [row for row in found if row["kind"] in names]


def test_every_chord_symbol_survives_midi_json_and_csv(every_chord: Score, tmp_path: Path) -> None:
    import mido

    wanted = [c.symbol for c in every_chord.chords]
    write_midi(every_chord, tmp_path / "score.mid")
    file = mido.MidiFile(tmp_path / "score.mid", charset="utf-8")
    track = next(t for t in file.tracks if t.name == "CHORDS")
    assert [m.text for m in track if m.type == "text"] == wanted
    write_score(every_chord, tmp_path / "score.json")
    again = read_score(tmp_path / "score.json")
    assert [c.symbol for c in again.chords] == wanted
    write_cuesheet_csv(every_chord, tmp_path / "cuesheet.csv")
    listed = kind(rows(tmp_path / "cuesheet.csv"), "chord")
    assert [row["name"] for row in listed] == wanted
    for row, chord in zip(listed, every_chord.chords, strict=True):
        assert parse_symbol(row["name"]) == parse_label(row["note"]) == parse_label(chord.label)


def test_every_text_survives_midi_json_and_csv(score: Score, tmp_path: Path) -> None:
    import mido

    texts = ['HIT, "loud"; 3=C', "=1+1", "Привет\nzwei Zeilen", "♭ and 🎬", "  spaces  "]
    markers = tuple(
        replace(score.timeline.markers[0], frame=40 * n, name=name, note=f"note {name}") for n, name in enumerate(texts)
    )
    marked = score.model_copy(update={"timeline": score.timeline.model_copy(update={"markers": markers})})
    write_cuesheet_csv(marked, tmp_path / "c.csv")
    listed = kind(rows(tmp_path / "c.csv"), "marker")
    assert [(r["name"], r["note"]) for r in listed] == [(t, f"note {t}") for t in texts]
    write_score(marked, tmp_path / "s.json")
    assert [m.name for m in read_score(tmp_path / "s.json").timeline.markers] == texts
    write_midi(marked, tmp_path / "s.mid")
    found = [m.text for t in mido.MidiFile(tmp_path / "s.mid", charset="utf-8").tracks for m in t if m.type == "marker"]
    assert {f"{t}: note {t}" for t in texts} <= set(found)


def test_csv_has_every_fact_with_its_timecode(score: Score, tmp_path: Path) -> None:
    write_cuesheet_csv(score, tmp_path / "c.csv")
    found = rows(tmp_path / "c.csv")
    assert tuple(found[0]) == COLUMNS
    cuts = kind(found, "cut", "dissolve", "wipe", "fade")
    assert [(r["frame"], r["timecode"]) for r in cuts] == [(str(c.frame), c.timecode) for c in score.timeline.cuts]
    assert len(kind(found, "note")) == sum(len(p.notes) for p in score.parts)
    assert [float(r["value"]) for r in kind(found, "tempo")] == pytest.approx([t.bpm for t in score.fit.tempo])
    assert len(kind(found, "dynamics")) == len(score.dynamics)
    seconds = kind(found, "second")
    assert len(seconds) == len(score.footage)
    assert seconds[9]["name"] == seconds[9]["value"] == ""  # offline, not measured: no number is made up
    hits = {h.frame: h for h in score.fit.hits}
    for row in cuts:
        assert row["name"] == hits[int(row["frame"])].lands.value
        assert float(row["value"]) == pytest.approx(hits[int(row["frame"])].error_frames, abs=1e-4)


def test_positions_count_bars_and_beats_from_one(score: Score) -> None:
    facts = CueFacts(score)
    assert facts.position(0.0) == "1|1"
    for bar in facts.bars:
        assert facts.position(bar.start_beat) == f"{bar.number}|1"
        assert facts.position(bar.start_beat + 1.5) == f"{bar.number}|2.5"


def test_drop_frame_timecode(tmp_path: Path) -> None:
    score = make_score(film(70.0, Fraction(30000, 1001)))
    timeline = score.timeline.model_copy(update={"drop_frame": True, "start_frame": 107892})
    write_cuesheet_csv(score.model_copy(update={"timeline": timeline}), tmp_path / "c.csv")
    found = {int(r["frame"]): r["timecode"] for r in rows(tmp_path / "c.csv")}
    assert found[0] == "01:00:00;00"
    assert all(";" in timecode for timecode in found.values())


@pytest.fixture(scope="module")
def page(score: Score, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "cuesheet.html"
    write_cuesheet(score, path, thumbnails(film()))
    return path.read_text(encoding="utf-8")


def data_of(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="score">(.*?)</script>', page, re.S)[1])


def test_the_page_names_no_other_place(page: str) -> None:
    assert re.findall(r"https?://|(?:src|href)=[\"']?//|@import|url\((?!#c)", page) == []
    assert "default-src 'none'" in page
    assert "{{" not in page


def test_the_page_lists_cuts_and_chords_without_scripts(page: str, score: Score) -> None:
    static = page[: page.index('<script type="application/json"')]
    for cut in score.timeline.cuts:
        assert f"<td>{cut.timecode}</td>" in static
    listed = set(re.findall(r'<td class="symbol"[^>]*>([^<]*)</td>', static))
    assert {pretty(c.symbol) for c in score.chords} <= listed
    assert not any(re.match("[A-G]b", symbol) for symbol in listed)  # one spelling on the whole page
    # a share of 159 possible tokens alarms as a column; it stays where one asks for it
    assert ">Probability<" not in static and 'title="chosen with a probability of ' in static
    assert "she sees the “ship”, &lt;/script&gt; &amp; all" in static


def test_a_locked_chord_is_marked(score: Score, tmp_path: Path) -> None:
    first, *rest = score.chords
    locked = first.model_copy(update={"probability": None, "on_cut": True})
    write_cuesheet(score.model_copy(update={"chords": (locked, *rest)}), tmp_path / "sheet.html")
    page = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert page.count("<td>on the cut, locked</td>") == 1


def test_signs_of_music() -> None:
    texts = {"Bbm7b5": "B♭m7♭5", "F#dim7": "F♯dim7", "Eb minor": "E♭ minor", "A minor": "A minor", "Csus4": "Csus4"}
    assert {text: pretty(text) for text in texts} == texts


def test_the_legend_names_what_is_drawn(score: Score, tmp_path: Path) -> None:
    def legend(changed: Score) -> list[str]:
        write_cuesheet(changed, tmp_path / "sheet.html")
        page = (tmp_path / "sheet.html").read_text(encoding="utf-8")
        return re.findall(r'<span class="[el][^"]*"[^>]*><i></i>(?:<b>)?([a-z ]+)', page[: page.index("<main")])

    blind = score.model_copy(update={"footage": (SecondDocument(motion=None, emotion=None),) * len(score.footage)})
    moods = (MoodDocument(seconds=0, mood="tense"), MoodDocument(seconds=9, mood="sad"))
    assert legend(score) == [*EMOTIONS, "motion", "loudness", "note density"]
    assert legend(blind) == ["loudness", "note density"]
    assert legend(blind.model_copy(update={"moods": moods})) == ["tense", "sad", "loudness", "note density"]


def test_the_page_holds_the_notes_in_seconds(page: str, score: Score) -> None:
    data, facts = data_of(page), CueFacts(score)
    assert data["duration"] == pytest.approx(facts.duration_s)
    for drawn, part in zip(data["parts"], score.parts, strict=True):
        assert len(drawn["notes"]) == len(part.notes)
        for (at, length, pitch, velocity), note in zip(drawn["notes"], part.notes, strict=True):
            assert at == pytest.approx(facts.tempo.seconds_at(note[0]), abs=1e-4)
            assert at + length == pytest.approx(facts.tempo.seconds_at(note[0] + note[1]), abs=2e-4)
            assert (pitch, velocity) == note[2:]
    assert [shot[4] is not None for shot in data["shots"]] == [s.media_online for s in score.timeline.shots]


def pictures(index: int) -> Iterator[str]:
    yield f"data:image/png;base64,{index}"


def test_thumbnails_may_be_a_function_or_missing_but_never_a_link(score: Score, tmp_path: Path) -> None:
    path = tmp_path / "c.html"
    write_cuesheet(score, path, lambda index: next(pictures(index)) if index % 2 else None)
    shots = data_of(path.read_text(encoding="utf-8"))["shots"]
    assert [s[4] for s in shots[:4]] == [None, "data:image/png;base64,1", None, "data:image/png;base64,3"]
    write_cuesheet(score, path)
    assert {s[4] for s in data_of(path.read_text(encoding="utf-8"))["shots"]} == {None}
    with pytest.raises(InputError, match="shot 0"):
        write_cuesheet(score, path, {0: "http://example.org/a.png"})


def test_a_score_with_next_to_nothing_in_it(tmp_path: Path) -> None:
    score = make_score(film(6.0))
    bare = score.model_copy(
        update={
            "chords": (),
            "parts": (),
            "dynamics": (),
            "footage": (),
            "timeline": score.timeline.model_copy(update={"shots": (), "cuts": (), "markers": (), "name": ""}),
            "fit": score.fit.model_copy(update={"hits": ()}),
        }
    )
    write_cuesheet(bare, tmp_path / "c.html")
    write_cuesheet_csv(bare, tmp_path / "c.csv")
    assert {r["kind"] for r in rows(tmp_path / "c.csv")} == {"tempo"}
    assert "Untitled timeline" in (tmp_path / "c.html").read_text(encoding="utf-8")


def test_number_composer_and_version_stand_on_the_sheet_when_they_are_given(tmp_path: Path) -> None:
    score = make_score(film(4.0))
    named = score.model_copy(update={"options": ScoreOptions(cue="1m1", composer="A. <B>", cue_version="3")})
    write_cuesheet(named, tmp_path / "named.html")
    write_cuesheet(score, tmp_path / "plain.html")
    page = (tmp_path / "named.html").read_text(encoding="utf-8")
    for name, value in (("Cue", "1m1"), ("Composer", "A. &lt;B&gt;"), ("Version", "3")):
        assert f"<dt>{name}</dt><dd>{value}</dd>" in page
        assert f"<dt>{name}</dt>" not in (tmp_path / "plain.html").read_text(encoding="utf-8")
    write_cuesheet_csv(named, tmp_path / "named.csv")
    with (tmp_path / "named.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["name"], row["value"]) for row in csv.DictReader(file) if row["kind"] == "cue"]
    assert rows == [("cue", "1m1"), ("composer", "A. <B>"), ("cue_version", "3")]


def test_a_name_of_two_lines_is_refused() -> None:
    with pytest.raises(InputError, match="one line"):
        ScoreOptions(cue="1m1\nx").check()


def test_every_role_has_a_colour_in_light_and_dark() -> None:
    style = (Path(v2m_bridge.score.__file__).parent / "cuesheet" / "page.css").read_text(encoding="utf-8")
    for role in Role:
        assert style.count(f"--{role.value}: #") == 2, role
        assert f".r-{role.value} {{ --c: var(--{role.value}); }}" in style
