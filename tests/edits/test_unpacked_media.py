"""What zipped bundles leave in the cache: seen, limited, cleared; and what the models command tells."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import edit_makers as make
import pytest

from v2m_bridge.cli.main import main
from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.edits.unpacked_media import unpacked, unpacked_folder
from v2m_bridge.errors import InputError

BUNDLED = make.timeline(make.track(make.clip("a", 0, 20, reference=make.media("media/a.mov"))), start=0)
FILM = b"x" * 300_000


def bundle(folder: Path, name: str, age_s: float = 0.0) -> Path:
    """A bundle that was read, and last used so long ago."""
    path = make.write_otioz(folder / f"{name}.otioz", BUNDLED, {"media/a.mov": FILM})
    (shot,) = read_edit(path).shots
    assert shot.media_online
    (mine,) = (b.folder for b in unpacked() if b.source == str(path.resolve()))
    os.utime(mine, (time.time() - age_s,) * 2)
    return path


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--json"])
    assert not ended.value.code
    return json.loads(capsys.readouterr().out)


def test_the_cache_command_knows_unpacked_bundles(
    tmp_path: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bundle(tmp_path, "reel")
    info = told(capsys, "cache", "info")["unpacked"]
    assert (info["folder"], info["bundles"], info["limit_bytes"]) == (str(unpacked_folder()), 1, 20_000_000_000)
    assert len(FILM) <= info["size_bytes"] < len(FILM) + 1000
    (row,) = told(capsys, "cache", "list")["unpacked"]
    assert row["source"] == str(path.resolve())
    cleared = told(capsys, "cache", "clear", "--unpacked")
    assert (cleared["removed_bundles"], cleared["removed_entries"]) == (1, 0)
    assert list(unpacked_folder().iterdir()) == []
    assert read_edit(path).shots[0].media_online  # it comes again when it is needed


def test_clear_without_a_wish_clears_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle(tmp_path, "reel")
    assert told(capsys, "cache", "clear")["removed_bundles"] == 1
    with pytest.raises(SystemExit):
        main(["cache", "list"])
    assert "no bundle" in capsys.readouterr().out


def test_beyond_the_limit_the_longest_unused_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("V2M_UNPACKED_GB", "0.0007")
    old = bundle(tmp_path, "old", age_s=9000)
    older = bundle(tmp_path, "older", age_s=20_000)
    assert {b.source for b in unpacked()} == {str(old.resolve()), str(older.resolve())}
    read_edit(older)  # used now
    new = bundle(tmp_path, "new")
    assert {b.source for b in unpacked()} == {str(older.resolve()), str(new.resolve())}


def test_what_was_used_within_the_hour_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("V2M_UNPACKED_GB", "0")
    bundle(tmp_path, "one", age_s=100)
    bundle(tmp_path, "two")
    assert len(unpacked()) == 2
    monkeypatch.setenv("V2M_UNPACKED_GB", "lots")
    with pytest.raises(InputError, match="V2M_UNPACKED_GB"):
        bundle(tmp_path, "three")


def test_the_models_list_says_what_each_is_for(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row["name"]: row for row in told(capsys, "models", "list")["models"]}
    assert list(rows) == ["chords", "dynamics", "alignment", "player", "transitions", "baselines", "clip", "sounds"]
    for name in ("chords", "dynamics", "alignment", "player", "transitions", "baselines"):
        assert rows[name]["present"] and Path(rows[name]["path"]).stat().st_size == rows[name]["size_bytes"] > 1000
        assert len(rows[name]["does"]) > 20
    weights = own_home / "models" / "clip" / "open_clip_model.safetensors"
    if not rows["clip"]["present"]:
        assert rows["clip"]["path"] == str(weights) and "models pull clip" in rows["clip"]["get"]
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    assert {row["name"]: row for row in told(capsys, "models", "list")["models"]}["clip"]["size_bytes"] == 7


def test_every_shipped_model_is_explained() -> None:
    from v2m_bridge.amt.checkpoints import shipped_models
    from v2m_bridge.cli.models import SHIPPED

    assert set(SHIPPED) == {path.stem for path in shipped_models().glob("*.safetensors")}
