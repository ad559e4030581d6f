"""``score.musicxml``: valid, whole in every measure, spelt in its key, and read by notation programs."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cue_scores import film
from cue_scores import make_score as made_score
from random_music import random_score
from reaper_scores import make_score

from v2m_bridge.music.arrangement import Note, Part
from v2m_bridge.options import ScoreOptions
from v2m_bridge.score.model import Score
from v2m_bridge.score.notation import VALUES, measure_pieces, written_voices
from v2m_bridge.score.write_midi import write_midi
from v2m_bridge.score.write_musicxml import write_musicxml

MUSESCORE = next((found for name in ("mscore3", "mscore", "musescore3") if (found := shutil.which(name))), None)
needs_musescore = pytest.mark.skipif(MUSESCORE is None, reason="MuseScore is not installed")

OTHER_NAMESPACES = {
    "http://www.w3.org/1999/xlink": """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
        targetNamespace="http://www.w3.org/1999/xlink">
        <xs:attribute name="type" type="xs:string"/><xs:attribute name="href" type="xs:anyURI"/>
        <xs:attribute name="role" type="xs:string"/><xs:attribute name="title" type="xs:string"/>
        <xs:attribute name="show" type="xs:string"/><xs:attribute name="actuate" type="xs:string"/></xs:schema>""",
    "http://www.w3.org/XML/1998/namespace": """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
        targetNamespace="http://www.w3.org/XML/1998/namespace">
        <xs:attribute name="lang" type="xs:language"/><xs:attribute name="space" type="xs:NCName"/></xs:schema>""",
}
"""Attributes of other vocabularies that MusicXML's schema refers to; none of them is in our files."""

SCORES = {
    "a film": lambda: made_score(film(12.0)),
    "odd metres": lambda: make_score(24, seed=3),
    "random": lambda: random_score(31),
    "no parts": lambda: make_score(6).model_copy(update={"parts": ()}),
}


@pytest.fixture(scope="module", params=SCORES)
def score(request: pytest.FixtureRequest) -> Score:
    return SCORES[request.param]()


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """MusicXML 4.0's schema, as the package ``musicxml`` ships it."""
    xmlschema = pytest.importorskip("xmlschema")
    package = pytest.importorskip("musicxml")
    path = Path(package.__file__).parent / "generate_classes" / "musicxml_4_0.xsd"
    if not path.is_file():
        pytest.skip("this version of the package musicxml has no schema")
    folder = tmp_path_factory.mktemp("schema")
    locations = {}
    for number, (namespace, text) in enumerate(OTHER_NAMESPACES.items()):
        (folder / f"{number}.xsd").write_text(text, encoding="utf-8")
        locations[namespace] = str(folder / f"{number}.xsd")
    return xmlschema.XMLSchema(str(path), locations=locations, allow="local")


def sheet(score: Score, folder: Path) -> ElementTree.Element:
    write_musicxml(score, folder / "score.musicxml")
    return ElementTree.parse(folder / "score.musicxml").getroot()


def test_it_is_valid_musicxml_4(score: Score, schema: Any, tmp_path: Path) -> None:
    named = score.model_copy(update={"options": ScoreOptions(cue="1m1", composer="A. B.", cue_version="2")})
    write_musicxml(named, tmp_path / "score.musicxml")
    assert [error.reason for error in schema.iter_errors(str(tmp_path / "score.musicxml"))] == []


def test_the_schema_refuses_what_is_wrong(schema: Any, tmp_path: Path) -> None:
    write_musicxml(make_score(4), tmp_path / "score.musicxml")
    text = (
        (tmp_path / "score.musicxml")
        .read_text(encoding="utf-8")
        .replace("<voice>", "<voices>")
        .replace("</voice>", "</voices>")
    )
    (tmp_path / "broken.musicxml").write_text(text, encoding="utf-8")
    assert list(schema.iter_errors(str(tmp_path / "broken.musicxml"))) != []


def test_every_voice_of_every_measure_is_full(score: Score, tmp_path: Path) -> None:
    for part in sheet(score, tmp_path).findall("part"):
        beats = 0.0
        for measure in part.findall("measure"):
            upper, lower = measure.findtext("attributes/time/beats"), measure.findtext("attributes/time/beat-type")
            beats = 4 * int(upper) / int(lower) if upper and lower else beats
            at, reached = 0, []
            for child in measure:
                steps = int(child.findtext("duration") or 0)
                if child.tag == "backup":
                    reached.append(at)
                    at -= steps
                elif child.find("chord") is None:
                    at += steps
            assert at == beats * 4
            # before each step back the voice was full, or marks were placed inside the measure
            assert all(r <= beats * 4 for r in reached) and min([0, *reached]) >= 0


def test_chords_cuts_tempo_and_names_stand_above_the_first_part(tmp_path: Path) -> None:
    score = make_score(24).model_copy(update={"options": ScoreOptions(cue="1m1", composer="A. B.")})
    root = sheet(score, tmp_path)
    first, *others = root.findall("part")
    assert len(first.findall(".//harmony")) == len(score.chords)
    assert [e.text for e in first.findall(".//rehearsal")] == [
        f"{cut.kind} {number}" for number, cut in enumerate(score.timeline.cuts, 1)
    ]
    assert len(first.findall(".//metronome")) == len(score.fit.tempo)
    assert all(not part.findall(".//direction") + part.findall(".//harmony") for part in others)
    assert root.findtext("work/work-title") == "1m1 Reel 1 “Ünïcode”"
    assert root.findtext("identification/creator") == "A. B."
    metres = [(t.findtext("beats"), t.findtext("beat-type")) for t in others[0].findall(".//time")]
    assert metres[:5] == [("4", "4"), ("3", "4"), ("5", "4"), ("4", "4"), ("2", "4")]


@pytest.mark.parametrize(
    ("key", "fifths", "spelt"),
    [
        ("A minor", "0", {68: ("G", "1", "4"), 70: ("B", "-1", "4")}),
        ("Eb major", "-3", {68: ("A", "-1", "4"), 70: ("B", "-1", "4"), 59: ("B", None, "3")}),
        ("F# minor", "3", {68: ("G", "1", "4"), 65: ("F", None, "4"), 61: ("C", "1", "4")}),
        ("F minor", "-4", {68: ("A", "-1", "4"), 61: ("D", "-1", "4"), 60: ("C", None, "4")}),
    ],
)
def test_notes_are_spelt_in_the_key(
    tmp_path: Path, key: str, fifths: str, spelt: dict[int, tuple[str, str | None, str]]
) -> None:
    notes = tuple(Note(float(n), 1.0, pitch, 64) for n, pitch in enumerate(spelt))
    score = make_score(6).model_copy(update={"key": key, "parts": (Part("Flute", "melody", 0, 73, notes),)})
    root = sheet(score, tmp_path)
    found = [(p.findtext("step"), p.findtext("alter"), p.findtext("octave")) for p in root.findall(".//note/pitch")]
    assert found == list(spelt.values())
    assert root.findtext(".//key/fifths") == fifths


def test_voices_never_overlap_and_keep_every_onset() -> None:
    notes = [Note(n / 4, 1.3, 50 + n % 20, 64) for n in range(64)]
    voices = written_voices(notes, 80)
    assert len(voices) == 2
    for voice in voices:
        assert all(a.end <= b.start for a, b in pairwise(voice))
    assert sorted(pitch for voice in voices for chord in voice for pitch in chord.pitches) == sorted(
        note.pitch for note in notes
    )
    pieces = list(measure_pieces(voices[0], 16, 32))
    assert sum(piece.steps for piece in pieces) == 16
    assert {piece.steps for piece in pieces} <= set(VALUES)


def test_a_note_across_the_bar_line_is_tied(tmp_path: Path) -> None:
    score = make_score(6).model_copy(
        update={"parts": (Part("Flute", "melody", 0, 73, (Note(3.0, 2.0, 72, 64),)),), "chords": ()}
    )
    first, second, *_ = sheet(score, tmp_path).findall("part/measure")
    assert [e.attrib["type"] for e in first.findall(".//tie")] == ["start"]
    assert [e.attrib["type"] for e in second.findall(".//tie")] == ["stop"]


def test_music21_reads_the_same_notes_chords_and_metres(tmp_path: Path) -> None:
    music21 = pytest.importorskip("music21")
    score = made_score(film(12.0))
    write_musicxml(score, tmp_path / "score.musicxml")
    read = music21.converter.parse(tmp_path / "score.musicxml")
    assert len(read.parts) == len(score.parts)
    assert len(read.recurse().getElementsByClass(music21.harmony.Harmony)) == len(score.chords)
    for part in read.parts:
        for measure in part.getElementsByClass("Measure"):
            assert measure.duration.quarterLength == measure.barDuration.quarterLength


def converted(source: Path, target: Path) -> None:
    run = subprocess.run(
        [str(MUSESCORE), "-o", str(target), str(source)],
        env={"QT_QPA_PLATFORM": "offscreen", "HOME": str(target.parent), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert target.is_file(), run.stderr.decode(errors="replace")


@needs_musescore
def test_musescore_opens_the_sheet_and_makes_pages_of_it(tmp_path: Path) -> None:
    score = made_score(film(12.0))
    write_musicxml(score, tmp_path / "score.musicxml")
    converted(tmp_path / "score.musicxml", tmp_path / "pages.pdf")
    assert (tmp_path / "pages.pdf").read_bytes().startswith(b"%PDF")
    # MuseScore's own format: its MusicXML writes a symbol that stands inside a long note of another voice twice
    converted(tmp_path / "score.musicxml", tmp_path / "again.mscx")
    ours, again = (ElementTree.parse(tmp_path / name).getroot() for name in ("score.musicxml", "again.mscx"))
    for tag, theirs in (("harmony", "Harmony"), ("rehearsal", "RehearsalMark"), ("metronome", "Tempo")):
        assert len(again.findall(f".//{theirs}")) == len(ours.findall(f".//{tag}")), tag
    assert len(again.findall(".//Chord/Note")) == len(ours.findall(".//note/pitch"))


@needs_musescore
def test_musescore_shows_the_midi_files_chords_as_symbols_and_not_as_lyrics(tmp_path: Path) -> None:
    score = made_score(film(12.0))
    write_midi(score, tmp_path / "score.mid")
    converted(tmp_path / "score.mid", tmp_path / "read.mscx")
    read = ElementTree.parse(tmp_path / "read.mscx").getroot()
    assert len(read.findall(".//Harmony")) == len(score.chords) > 5
    assert read.findall(".//Lyrics") == []
