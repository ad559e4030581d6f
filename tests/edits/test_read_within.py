"""Confined readers look at nothing outside of the allowed folders, whatever an edit of any format names.

What a process really looks at is taken from the kernel with ``strace``, FFmpeg and child processes included.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
from edit_model import ModelClip, ModelEdit, ModelTrack
from edit_writers import WRITERS
from footage_makers import plain_film

from v2m_bridge.edits.find_media import media_within
from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.errors import InputError
from v2m_bridge.files.within import AllowedFolders
from v2m_bridge.timeline.model import Timeline

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")

READ_ALL = """
import sys
from fractions import Fraction
from pathlib import Path
from v2m_bridge.daemon.paths import confine_media
from v2m_bridge.edits.find_media import media_within
from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.files.open_media import open_media
from v2m_bridge.files.within import AllowedFolders

allowed = Path(sys.argv[1])
for path in sorted((allowed / "edits").iterdir()):
    folders = AllowedFolders([allowed])
    with media_within(folders):
        timeline = read_edit(path, rate=Fraction(24), media_roots=[allowed])
    timeline = confine_media(timeline, folders)
    online = {shot.media for shot in timeline.shots if shot.media_online}
    for media in online:
        open_media(media).close()
    print(path.name, len(timeline.shots), *sorted(Path(media).name for media in online))
"""


@dataclass(frozen=True)
class ClipOf(ModelClip):
    """A clip whose media lies at ``place``."""

    place: str = ""

    @property
    def url(self) -> str:
        return self.place


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``allowed/`` with media and edits; ``forbidden/`` with films that the edits name in every way."""
    root = tmp_path_factory.mktemp("site")
    allowed, forbidden = root / "allowed", root / "forbidden"
    for folder in (allowed / "edits", forbidden):
        folder.mkdir(parents=True)
    film = plain_film(allowed / "inside.mov", count=60, rate=Fraction(24))
    for name in ("secret.mov", "linked.mov"):
        shutil.copy(film, forbidden / name)
    (allowed / "link.mov").symlink_to(forbidden / "linked.mov")
    (allowed / "folder").symlink_to(forbidden)
    os.mkfifo(allowed / "pipe.mov")
    places = [
        f"{allowed}/inside.mov",
        f"{forbidden}/secret.mov",
        f"{forbidden}/missing.mov",
        f"{allowed}/../forbidden/secret.mov",
        f"{allowed}/link.mov",
        f"{allowed}/folder/secret.mov",
        f"/{forbidden}/secret.mov",
        f"{allowed}/pipe.mov",
        "/elsewhere/pipe.mov",
        "../../forbidden/secret.mov",
        "/dev/zero",
    ]
    clips = tuple(ClipOf(Path(p).stem, 3 * n, 3, place=p) for n, p in enumerate(places))
    for number, writer in enumerate(WRITERS):
        made = writer(root, ModelEdit((ModelTrack(clips),)))
        made.rename(allowed / "edits" / f"{number}{writer.suffix}")
    return root


def read_within(site: Path, path: Path) -> Timeline:
    folders = AllowedFolders([site / "allowed"])
    with media_within(folders):
        return read_edit(path, rate=Fraction(24), media_roots=[site / "allowed"])


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_no_reader_looks_outside(site: Path) -> None:
    trace = site / "trace.txt"
    command = ["strace", "-f", "-qq", "-e", "trace=%file", "-s", "4096", "-o", str(trace)]
    run = subprocess.run(
        [*command, sys.executable, "-c", READ_ALL, str(site / "allowed")], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    rows = [line.split() for line in run.stdout.splitlines()]
    assert len(rows) == len(WRITERS)
    for name, shots, *online in rows:
        assert int(shots) > 5 and set(online) <= {"inside.mov"}, (name, online)
    assert sum("inside.mov" in row for row in rows) >= len(WRITERS) - 1, rows
    calls = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    looked = [found[1] for line in calls if (found := re.search(r'"((?:[^"\\]|\\.)*)"', line))]
    assert any(path.endswith("/allowed/inside.mov") for path in looked), "the trace works"
    outside = [path for path in looked if any(word in path for word in ("forbidden", "elsewhere", "/dev/zero", "pipe"))]
    assert [path for path in outside if not path.startswith(f"{site}/allowed/pipe.mov")] == []


def test_an_edit_or_bundle_that_is_a_link_out_is_refused(site: Path) -> None:
    secret = site / "forbidden" / "private.otio"
    secret.write_text('{"OTIO_SCHEMA": "Timeline.1"}', encoding="utf-8")
    link = site / "allowed" / "link.otio"
    link.symlink_to(secret)
    bundle = site / "allowed" / "bundle.otiod"
    bundle.mkdir()
    (bundle / "content.otio").symlink_to(secret)
    for path in (link, bundle):
        with pytest.raises(InputError, match="leads out of the folders"):
            read_within(site, path)
    pipe = site / "allowed" / "pipe.otio"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="pipe or a device"):
        read_edit(pipe)
    for path in (link, pipe):
        path.unlink()


def test_a_pipe_found_by_name_is_no_media(tmp_path: Path) -> None:
    from v2m_bridge.edits.find_media import MediaFinder

    os.mkfifo(tmp_path / "clip.mov")
    (tmp_path / "sub").mkdir()
    finder = MediaFinder(tmp_path / "edits", [tmp_path])
    assert not finder.find("/gone/clip.mov").online and not finder.find_stem("clip").online
    (tmp_path / "sub" / "clip.mov").touch()
    finder = MediaFinder(tmp_path / "edits", [tmp_path])
    assert finder.find("/gone/clip.mov").path == finder.find_stem("clip").path == str(tmp_path / "sub" / "clip.mov")
