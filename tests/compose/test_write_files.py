"""A second score in the same folder: the composer's changes are kept, what is stale goes, and the command says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from cue_scores import film, make_score

from v2m_bridge.compose.write_files import WRITERS, write_files, write_score_files
from v2m_bridge.errors import InputError


def test_a_session_saved_in_reaper_is_kept_and_said(tmp_path: Path) -> None:
    score = make_score(film(6.0))
    first = write_score_files(score, tmp_path, extra={"conform.json": "{}", "earlier-01.json": "{}"})
    assert first.score == score
    (tmp_path / "score.rpp").write_text("saved in REAPER")
    (tmp_path / "mix.wav").write_text("the composer's own")
    again = write_score_files(make_score(film(9.0)), tmp_path)
    (said,) = again.score.warnings[len(score.warnings) :]
    assert "score.rpp" in said and "score-2.rpp" in said
    assert (tmp_path / "score-2.rpp").read_text() == "saved in REAPER"
    others = {"score-2.rpp", "mix.wav", "earlier-01.json"}
    assert {path.name for path in tmp_path.glob("[!.]*")} == {*WRITERS, *others}
    write_files(make_score(film(9.0)), tmp_path / "elsewhere")
    for name in WRITERS:
        assert (tmp_path / name).read_bytes() == (tmp_path / "elsewhere" / name).read_bytes(), name


def test_a_folder_in_a_file_s_place_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "cuesheet.html").mkdir()
    with pytest.raises(InputError, match=r"cuesheet\.html is a folder"):
        write_files(make_score(film(6.0)), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["cuesheet.html"]
