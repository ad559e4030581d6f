"""A second result in the same folder: nobody's changes are lost, nothing of the older result stays."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from v2m_bridge.errors import InputError
from v2m_bridge.files.deliver import deliver
from v2m_bridge.files.manifest import MANIFEST, read_manifest
from v2m_bridge.files.staging import draft_folder, refuse_unwritable


def bring(out: Path, files: Mapping[str, str], known: tuple[str, ...] = (), lasting: str = "") -> tuple[str, ...]:
    with draft_folder(out) as folder:
        for name, text in files.items():
            (folder / name).write_text(text)
        return deliver(folder, out, known, lasting)


def shown(folder: Path) -> dict[str, str]:
    """What a listing shows: name and text."""
    return {path.name: path.read_text() for path in folder.glob("[!.]*")}


def test_a_file_changed_since_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    out = tmp_path / "cue"
    assert bring(out, {"score.rpp": "first", "score.mid": "first"}) == ()
    (out / "score.rpp").write_text("mixed by the composer")
    (said,) = bring(out, {"score.rpp": "second", "score.mid": "second"})
    assert "score.rpp" in said and "score-2.rpp" in said
    assert shown(out) == {"score.rpp": "second", "score-2.rpp": "mixed by the composer", "score.mid": "second"}
    (out / "score.rpp").write_text("mixed again")
    bring(out, {"score.rpp": "third", "score.mid": "third"})
    assert shown(out)["score-2.rpp"] == "mixed by the composer" and shown(out)["score-3.rpp"] == "mixed again"
    assert [path.name for path in tmp_path.iterdir()] == ["cue"]


def test_a_file_of_which_nothing_is_known_is_kept_too(tmp_path: Path) -> None:
    (tmp_path / "score.rpp").write_text("of another program")
    (tmp_path / "score.mid").write_text("the same")
    assert len(bring(tmp_path, {"score.rpp": "new", "score.mid": "the same"})) == 1
    assert shown(tmp_path) == {"score.rpp": "new", "score-2.rpp": "of another program", "score.mid": "the same"}


def test_files_of_the_older_result_go(tmp_path: Path) -> None:
    bring(tmp_path, {"score.mid": "1", "preview.wav": "1", "conform.json": "1", "earlier-01.json": "0"})
    (tmp_path / "conform.json").write_text("with notes")
    (tmp_path / "notes.txt").write_text("mine")
    assert len(bring(tmp_path, {"score.mid": "2"}, lasting="earlier-*.json")) == 1
    left = {"score.mid": "2", "conform-2.json": "with notes", "earlier-01.json": "0", "notes.txt": "mine"}
    assert shown(tmp_path) == left
    assert set(read_manifest(tmp_path)) == {"score.mid", "earlier-01.json"}


def test_a_stale_file_without_a_list_moves_aside(tmp_path: Path) -> None:
    (tmp_path / "preview.wav").write_text("old")
    bring(tmp_path, {"score.mid": "2"}, known=("preview.wav",))
    assert shown(tmp_path) == {"score.mid": "2", "preview-2.wav": "old"}


@pytest.mark.parametrize("text", ["", "[]", '{"files": 3}', '{"files": {"../outside": "x", "score.mid": 4}}'])
def test_a_damaged_list_loses_nothing(tmp_path: Path, text: str) -> None:
    out = tmp_path / "cue"
    bring(out, {"score.mid": "1"})
    (tmp_path / "outside").write_text("safe")
    (out / MANIFEST).write_text(text)
    bring(out, {"score.mid": "2"})
    assert shown(out) == {"score.mid": "2", "score-2.mid": "1"}
    assert (tmp_path / "outside").read_text() == "safe"


def test_a_folder_with_a_file_s_name_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "score.mid").mkdir()
    with pytest.raises(InputError, match=r"score\.mid is a folder"):
        refuse_unwritable(tmp_path, ["score.json", "score.mid"])
    with pytest.raises(InputError, match=r"score\.mid is a folder"):
        bring(tmp_path, {"score.json": "1", "score.mid": "1"})
    assert [path.name for path in tmp_path.iterdir()] == ["score.mid"]


def test_what_cannot_be_moved_leaves_all_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(tmp_path, {"a": "1", "b": "1", "c": "1"})
    (tmp_path / "a").write_text("changed")
    before = shown(tmp_path)
    real = Path.replace

    def open_elsewhere(self: Path, target: Path) -> Path:
        if target == tmp_path / "b" and self.read_text() == "2":
            raise PermissionError(13, "Permission denied")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", open_elsewhere)
    with pytest.raises(InputError, match="Permission denied"):
        bring(tmp_path, {"a": "2", "b": "2", "c": "2"})
    assert shown(tmp_path) == before


def test_two_results_at_once_are_never_mixed(tmp_path: Path) -> None:
    names = [f"file-{n}" for n in range(30)]
    for _ in range(10):
        both = threading.Barrier(2)

        def run(text: str, both: threading.Barrier = both) -> None:
            with draft_folder(tmp_path / "cue") as folder:
                for name in names:
                    (folder / name).write_text(text)
                both.wait()
                deliver(folder, tmp_path / "cue")

        runs = [threading.Thread(target=run, args=(text,)) for text in ("one", "two")]
        for each in runs:
            each.start()
        for each in runs:
            each.join()
        assert len(set(shown(tmp_path / "cue").values())) == 1


def test_the_list_is_plain_json(tmp_path: Path) -> None:
    bring(tmp_path, {"é.mid": "1"})
    document = json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))
    assert document["schema"] == "v2m.manifest/1" and list(document["files"]) == ["é.mid"]
