"""What every file of a score owes its reader, whatever the format: one suite over all writers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from cue_scores import film, make_score
from random_music import random_score
from score_facts import WRITERS, FileFacts, ScoreWriter, read_json

from v2m_bridge.compose import write_files as compose_files
from v2m_bridge.errors import DiskFull, InputError
from v2m_bridge.score.model import Score
from v2m_bridge.timeline.model import Marker, Shot, Timeline

every_writer = pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)


def bare(score: Score, name: str = "") -> Score:
    """``score`` without anything that a score can do without."""
    timeline = score.timeline.model_copy(update={"shots": (), "cuts": (), "markers": (), "name": name})
    nothing = {"chords": (), "parts": (), "dynamics": (), "footage": (), "warnings": ()}
    return score.model_copy(
        update={**nothing, "timeline": timeline, "fit": score.fit.model_copy(update={"hits": (), "warnings": ()})}
    )


def one_frame() -> Score:
    shot = Shot(0, 1, name="blink")
    return make_score(Timeline("Blink", Fraction(24000, 1001), 86400, 1, (shot,), (), ()))


SCORES: dict[str, Callable[[], Score]] = {
    "a film": lambda: make_score(film(9.0)),
    "drop frame": lambda: make_score(film(9.0, Fraction(30000, 1001))),
    "odd bars": lambda: random_score(31),
    "odd bars at 25": lambda: random_score(18, Fraction(25)),
    "nothing in it": lambda: bare(make_score(film(6.0)), "Empty"),
    "one frame": one_frame,
}


@pytest.fixture(scope="module", params=SCORES)
def score(request: pytest.FixtureRequest) -> Score:
    return SCORES[request.param]()


def expected(score: Score) -> FileFacts:
    """The score's own facts."""
    rate = Fraction(score.timeline.rate)
    return FileFacts(
        title=score.timeline.name,
        cuts=tuple(float(cut.frame / rate) for cut in score.timeline.cuts),
        markers=tuple((float(m.frame / rate), m.name) for m in score.timeline.markers),
        chords=tuple((chord.start_s, chord.symbol) for chord in score.chords),
        tempo=tuple((row.seconds, row.bpm) for row in score.fit.tempo),
        parts=tuple(part.name for part in score.parts),
        duration_s=float(score.timeline.duration_frames / rate),
    )


@every_writer
def test_the_same_score_gives_the_same_bytes(score: Score, writer: ScoreWriter, tmp_path: Path) -> None:
    again = Score.model_validate_json(score.model_dump_json(by_alias=True))
    writer.write(score, tmp_path / writer.name)
    first = (tmp_path / writer.name).read_bytes()
    (tmp_path / "elsewhere").mkdir()
    writer.write(again, tmp_path / "elsewhere" / writer.name)
    assert (tmp_path / "elsewhere" / writer.name).read_bytes() == first
    writer.write(score, tmp_path / writer.name)
    assert (tmp_path / writer.name).read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([writer.name, "elsewhere"])


@pytest.fixture(scope="module")
def written(score: Score, tmp_path_factory: pytest.TempPathFactory) -> dict[str, FileFacts]:
    """What every file of the score says."""
    folder = tmp_path_factory.mktemp("written")
    return {writer.name: facts(writer, score, folder) for writer in WRITERS}


def facts(writer: ScoreWriter, score: Score, folder: Path) -> FileFacts:
    writer.write(score, folder / writer.name)
    return writer.read(folder / writer.name)


def beside(writer: ScoreWriter, score: Score) -> float:
    """Seconds that a cut or marker may lie beside its place."""
    return writer.seconds + writer.frames / float(Fraction(score.timeline.rate))


@every_writer
def test_every_file_shows_the_same_cuts(score: Score, written: dict[str, FileFacts], writer: ScoreWriter) -> None:
    cuts = written[writer.name].cuts
    if cuts is not None:
        assert sorted(cuts) == pytest.approx(sorted(expected(score).cuts or ()), abs=beside(writer, score))


@every_writer
def test_every_file_shows_the_same_markers(score: Score, written: dict[str, FileFacts], writer: ScoreWriter) -> None:
    """By time; a host that has one text for a marker shows its note behind its name."""
    found = written[writer.name].markers
    if found is not None:
        rate = Fraction(score.timeline.rate)
        for (seconds, text), marker in zip(
            sorted(found), sorted(score.timeline.markers, key=lambda marker: marker.frame), strict=True
        ):
            assert seconds == pytest.approx(float(marker.frame / rate), abs=beside(writer, score))
            assert text in (marker.name, f"{marker.name}: {marker.note}")


@every_writer
def test_every_file_shows_the_same_chords(score: Score, written: dict[str, FileFacts], writer: ScoreWriter) -> None:
    found, wanted = written[writer.name].chords, expected(score).chords or ()
    if found is not None:
        assert [symbol for _, symbol in found] == [symbol for _, symbol in wanted]
        assert [at for at, _ in found] == pytest.approx([at for at, _ in wanted], abs=writer.seconds)


@every_writer
def test_every_file_shows_the_same_tempo(score: Score, written: dict[str, FileFacts], writer: ScoreWriter) -> None:
    """A format may add points between those of the score; it never moves or changes one."""
    found = written[writer.name].tempo
    if found is not None:
        for seconds, bpm in expected(score).tempo or ():
            in_force = [row for row in found if row[0] <= seconds + writer.seconds][-1]
            assert in_force[1] == pytest.approx(bpm, rel=writer.tempo)


@every_writer
def test_every_file_lasts_as_long_as_the_film(score: Score, written: dict[str, FileFacts], writer: ScoreWriter) -> None:
    found = written[writer.name].duration_s
    assert found is None or found == pytest.approx(expected(score).duration_s, abs=writer.seconds)


def test_every_kind_of_fact_is_shown_by_some_file(tmp_path: Path) -> None:
    """The tests above skip what a format cannot hold: here is what each one does hold."""
    score = make_score(film(12.0))
    held = {
        writer.name: {name for name, value in vars(facts(writer, score, tmp_path)).items() if value is not None}
        for writer in WRITERS
    }
    everything = {"title", "cuts", "markers", "chords", "tempo", "parts", "duration_s"}
    assert held == {
        "score.json": everything,
        "score.mid": everything - {"duration_s"},
        "score.musicxml": everything - {"duration_s"},
        "cuesheet.csv": everything - {"title", "duration_s"},
        "cuesheet.html": everything,
        "score.v2m": everything,
        "score.rpp": everything,
        "preview.wav": {"duration_s"},
    }


TABLES = {"hits.csv", "chords.csv", "seconds.csv"}
"""Each holds one kind of fact only; their rows are tested with the tables themselves."""


def test_every_file_of_a_score_is_under_this_contract() -> None:
    assert {*compose_files.WRITERS, compose_files.PREVIEW} - TABLES == {writer.name for writer in WRITERS}


ODD_NAMES = (
    "plain",
    'He said "go"',
    "l'été",
    "`accent`",
    "all \"three' `quotes",
    "tab\there",
    "two\nlines",
    "back\\slash \\t \\n",
    "=SUM(A1)",
    "a, b; c|d",
    "</script><b>&amp;</b>",
    "{{title}}",
    "Привет 東京 ♭ 🎬",
    "‏עברית‏",
    "%s %(x)s {0}",
    "name" * 60,
)


@every_writer
@pytest.mark.parametrize("name", ODD_NAMES, ids=range(len(ODD_NAMES)))
def test_odd_names_survive(writer: ScoreWriter, name: str, tmp_path: Path) -> None:
    score = make_score(replace(film(4.0, name=name), markers=(Marker(30, name, "Blue", ""),)))
    score = score.model_copy(update={"parts": (replace(score.parts[0], name=name), *score.parts[1:])})
    found = facts(writer, score, tmp_path)
    assert found.title in (None, writer.shown(name))
    assert found.markers is None or [text for _, text in found.markers] == [writer.shown(name)]
    assert found.parts is None or found.parts[0] == writer.shown(name)


@every_writer
def test_nothing_is_written_where_nothing_can_be_written(writer: ScoreWriter, tmp_path: Path) -> None:
    score = make_score(film(4.0))
    (tmp_path / "file").write_bytes(b"mine")
    for folder in (tmp_path / "file", tmp_path / "missing"):
        with pytest.raises((OSError, InputError), match=r"missing|file"):
            writer.write(score, folder / writer.name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"mine"


@pytest.mark.parametrize("broken", compose_files.WRITERS)
def test_a_writer_that_fails_leaves_no_file_of_the_score(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(score: Score, path: Path) -> None:
        path.write_bytes(b"half a fi")
        raise OSError(28, "No space left on device")

    score = make_score(film(4.0))
    out = tmp_path / "score"
    compose_files.write_files(score, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setitem(compose_files.WRITERS, broken, half)
    changed = score.model_copy(update={"seed": 99})
    with pytest.raises(DiskFull, match="nothing was written"):
        compose_files.write_files(changed, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["score"]


def test_a_file_in_the_place_of_the_folder_is_refused_and_kept(tmp_path: Path) -> None:
    out = tmp_path / "score"
    out.write_bytes(b"mine")
    with pytest.raises(InputError, match="is a file"):
        compose_files.write_files(make_score(film(4.0)), out)
    assert out.read_bytes() == b"mine" and [path.name for path in tmp_path.iterdir()] == ["score"]


def test_the_score_document_is_read_back_whole(score: Score, tmp_path: Path) -> None:
    from v2m_bridge.score.write_json import read_score, write_score

    write_score(score, tmp_path / "score.json")
    assert read_score(tmp_path / "score.json") == score
    assert read_json(tmp_path / "score.json") == expected(score)
