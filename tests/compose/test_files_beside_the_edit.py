"""Files that an option names are opened only where media may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from v2m_bridge.compose.engine import Engine
from v2m_bridge.compose.pipeline import compose
from v2m_bridge.edits.find_media import media_within
from v2m_bridge.errors import InputError
from v2m_bridge.files.within import AllowedFolders
from v2m_bridge.options import ScoreOptions

EDL = "TITLE: film\n001 A V C 00:00:00:00 00:00:04:00 01:00:00:00 01:00:04:00\n"


def refusal(edit: Path, folder: Path, **options: str) -> str:
    with media_within(AllowedFolders([folder])), pytest.raises(InputError) as caught:
        compose(edit, ScoreOptions(rate="24", **options), Engine())
    return str(caught.value)


@pytest.mark.parametrize("option", ["theme", "dialogue"])
def test_nothing_is_told_of_a_file_outside(option: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    edit = inside / "film.edl"
    edit.write_text(EDL)
    (tmp_path / "there").write_bytes(b"secret")
    told = {refusal(edit, inside, **{option: str(tmp_path / name)}) for name in ("there", "not there")}
    assert len(told) == 1 and "outside the folders" in told.pop()
    assert "outside" not in refusal(edit, inside, **{option: str(inside / "not there")})
