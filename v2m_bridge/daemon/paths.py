"""Which files a request may reach. Symbolic links are resolved before a path is checked."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from v2m_bridge.errors import InputError, cannot_write, held_open, is_disk_full, is_held
from v2m_bridge.files.within import DEVICE_NAME, AllowedFolders
from v2m_bridge.timeline.model import Timeline

JOB_ID = re.compile(r"[0-9a-f]{12}\Z")
LONGEST_NAME = 120
COPIED_BELOW_BYTES = 64 * 1024 * 1024
"""An edit is copied, so that it stays as it was when the score was asked for; a large video is linked."""


class PathNotAllowed(InputError):
    """The path leaves the folders that this daemon may read."""

    code = "path_not_allowed"


@dataclass(frozen=True)
class JobFolder:
    """The folder of one job."""

    path: Path

    @property
    def source(self) -> Path:
        """What the job was given."""
        return self.path / "source"

    @property
    def out(self) -> Path:
        """The finished score; not there before it is whole."""
        return self.path / "out"

    def work(self, attempt: int) -> Path:
        """Where attempt number ``attempt`` writes."""
        return self.path / f".work-{attempt}"


def job_folder(scores: Path, job_id: str) -> JobFolder:
    """Folder of a job.

    Raises:
        ValueError: ``job_id`` is not one of ours (and could lead elsewhere).
    """
    if not JOB_ID.match(job_id):
        raise ValueError(f"not a job id: {job_id!r}")
    return JobFolder(scores / job_id)


def is_below(path: Path, roots: Sequence[Path]) -> bool:
    """Whether ``path`` is one of ``roots`` or lies inside one, links followed; nothing outside is looked at."""
    return AllowedFolders(roots).real(path) is not None


def allowed_edit(text: str, roots: Sequence[Path]) -> Path:
    """The edit that a request names, if it lies below ``roots``.

    Raises:
        PathNotAllowed: outside, relative, or not a path at all. It says nothing about whether the file exists.
        InputError: inside, but there is no such file.
    """
    if not text or "\0" in text or len(text) > 4096:
        raise PathNotAllowed("the timeline path is not a path")
    path = Path(os.path.normpath(text))
    hint = "start the daemon with --edit-root or --media-root, or upload the file"
    if not path.is_absolute():
        raise PathNotAllowed("the timeline path is not absolute", hint)
    if not is_below(path, roots):
        raise PathNotAllowed("the timeline lies outside the folders this daemon may read", hint)
    if not path.exists():
        raise InputError(f"{path.name} does not exist")
    if not path.is_file() and not path.is_dir():
        raise InputError(f"{path.name} is a pipe or a device, not an edit")
    return path


def safe_name(text: str) -> str:
    """A file name made of ``text`` that stays in its folder on every system; the suffix survives."""
    base = re.split(r"[\\/]", text)[-1]
    clean = re.sub(r"[^\w.\- ()+,&']", "_", base).strip(" .")
    stem, dot, suffix = clean.rpartition(".")
    if not dot:
        stem, suffix = clean, ""
    stem = stem[: LONGEST_NAME - len(suffix) - 1].strip(" .") or "edit"
    name = f"{stem}.{suffix}" if suffix else stem
    return f"_{name}" if DEVICE_NAME.match(name) else name


def adopt(source: Path, folder: Path, name: str | None = None) -> Path:
    """Bring a file or bundle into ``folder``: a hard link where possible (videos are large), else a copy.

    Raises:
        InputError: it cannot be read.
        DiskFull: there is no room for a copy.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / safe_name(name or source.name)
    try:
        if source.is_dir():
            shutil.copytree(source, target, copy_function=_link_or_copy)
        else:
            _link_or_copy(str(source), str(target))
    except (OSError, shutil.Error) as error:
        if is_disk_full(error) or os.strerror(errno.ENOSPC) in str(error):  # copytree gathers texts of errors
            raise cannot_write(f"a copy of {source.name}", OSError(errno.ENOSPC, "")) from error
        if is_held(error):
            raise held_open(source.name) from error
        raise InputError(f"cannot read {source.name}: {getattr(error, 'strerror', None) or 'copy failed'}") from error
    return target


def _link_or_copy(source: str, target: str) -> None:
    if Path(source).stat().st_size < COPIED_BELOW_BYTES:
        shutil.copyfile(source, target)
        return
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copyfile(source, target)


def confine_media(timeline: Timeline, folders: AllowedFolders) -> Timeline:
    """The same edit with media outside ``folders`` offline: its cuts still count, its picture is not opened.

    A warning names what is outside; whether it exists was not looked at.
    """
    inside: dict[str, bool] = {}
    shots = []
    for shot in timeline.shots:
        if shot.media is not None and shot.media not in inside:
            inside[shot.media] = folders.real(shot.media) is not None
        closed = shot.media is not None and shot.media_online and not inside[shot.media]
        shots.append(replace(shot, media_online=False) if closed else shot)
    outside = sorted(
        {_file_name(media) for media, within in inside.items() if not within and Path(media).is_absolute()}
    )
    if not outside:
        return timeline
    listed = ", ".join(outside[:5]) + (" and more" if len(outside) > 5 else "")
    warning = f"media outside the daemon's folders was not opened: {listed} (start it with --media-root)"
    return replace(timeline, shots=tuple(shots), warnings=(*timeline.warnings, warning))


def _file_name(media: str) -> str:
    return re.split(r"[\\/]", media)[-1]


def default_media_roots(windows: bool = os.name == "nt") -> tuple[Path, ...]:
    """Where a person's footage usually lies: the home folder and the drives that are there now (no network shares)."""
    candidates = [Path.home()]
    if windows:
        candidates += [Path(f"{letter}:\\") for letter in "CDEFGHIJKLMNOPQRSTUVWXYZ"]
    else:
        candidates += [Path(p) for p in ("/Volumes", "/media", "/run/media", "/mnt")]
    return tuple(path for path in candidates if path.is_dir())
