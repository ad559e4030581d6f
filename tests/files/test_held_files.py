"""Files that a player, a scanner or an index holds open, as on Windows: waited for, then refused without a loss."""

from __future__ import annotations

from pathlib import Path

import pytest
from held_files import Holders, holders, sharing_violation

from v2m_bridge.errors import FileHeld, InputError, cannot_write
from v2m_bridge.files.deliver import deliver
from v2m_bridge.files.rename import TRIES, rename
from v2m_bridge.files.staging import staged
from v2m_bridge.files.whole import write_whole

__all__ = ["holders"]


def test_a_scanner_that_holds_a_file_for_a_moment_is_waited_for(tmp_path: Path, holders: Holders) -> None:
    path = tmp_path / "score.mid"
    path.write_bytes(b"old")
    holders.hold(path, refusals=TRIES - 1)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert holders.refusals == TRIES - 1


def test_a_player_that_does_not_let_go_is_named(tmp_path: Path, holders: Holders) -> None:
    path = tmp_path / "preview.wav"
    path.write_bytes(b"old")
    holders.hold(path)
    with pytest.raises(FileHeld, match=r"preview\.wav open \(close it"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["preview.wav"]


def test_other_refusals_are_final_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []

    def refuse(path: Path, target: Path) -> None:
        calls.append(target)
        raise PermissionError(13, "Permission denied", str(target))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        rename(tmp_path / "a", tmp_path / "b")
    assert len(calls) == 1


NAMES = ("cuesheet.html", "preview.wav", "score.json", "score.mid", "score.rpp")


def result(folder: Path, text: str) -> None:
    for name in NAMES:
        (folder / name).write_text(f"{text} {name}", encoding="utf-8")


def content(folder: Path) -> dict[str, str]:
    return {
        path.name: path.read_text(encoding="utf-8")
        for path in folder.iterdir()
        if path.is_file() and path.name[0] != "."
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_score_is_replaced_wholly_or_not_at_all_while_one_of_its_files_is_open(
    name: str, tmp_path: Path, holders: Holders
) -> None:
    out = tmp_path / "score"
    with staged(out) as folder:
        result(folder, "first")
    first = content(out)
    holders.hold(out / name)
    with pytest.raises(InputError, match="open"), staged(out) as folder:
        result(folder, "second")
    assert content(out) == first
    assert [path.name for path in tmp_path.iterdir()] == ["score"]
    holders.let_go()
    with staged(out) as folder:
        result(folder, "second")
    assert content(out) == {name: f"second {name}" for name in NAMES}


def test_the_message_of_a_held_file_names_it_and_not_a_lack_of_rights() -> None:
    error = cannot_write(Path("out"), sharing_violation(Path("out/preview.wav")))
    assert error.code == "file_held"
    assert "out/preview.wav open" in str(error)


def test_deliver_undoes_its_moves_when_the_last_file_cannot_come(tmp_path: Path, holders: Holders) -> None:
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    out.mkdir()
    fresh.mkdir()
    result(fresh, "new")
    holders.hold(fresh / NAMES[-1])
    with pytest.raises(FileHeld):
        deliver(fresh, out)
    assert content(out) == {}
    assert content(fresh) == {name: f"new {name}" for name in NAMES}
