"""The input of a score: an edit or a bare video, told apart by the file's suffix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from v2m_bridge.compose.companions import ALONE, Companions, with_companions
from v2m_bridge.edits.other_programs import refuse_other_program
from v2m_bridge.edits.read_edit import BUNDLE_SUFFIXES, EDIT_SUFFIXES, VIDEO_SUFFIXES, read_edit
from v2m_bridge.errors import InputError, V2MError
from v2m_bridge.footage.bare_video import read_video
from v2m_bridge.footage.video.sequence import film_of_sequence, is_sequence
from v2m_bridge.footage.video.source import FALLBACK_RATE
from v2m_bridge.progress import Progress, silent
from v2m_bridge.timing.rates import exact_rate

if TYPE_CHECKING:
    from v2m_bridge.timeline.model import Timeline

RAW_CAMERA = {
    ".braw": "Blackmagic RAW",
    ".r3d": "REDCODE RAW",
    ".ari": "ARRIRAW",
    ".arx": "ARRIRAW",
    ".crm": "Canon Cinema RAW Light",
    ".rmf": "Canon Cinema RAW",
    ".nev": "Nikon N-RAW",
    ".cine": "Phantom Cine",
    ".dng": "CinemaDNG",
}
"""Suffixes of raw camera formats, and their names."""


def read_source(
    source: Path,
    *,
    rate: str | None = None,
    media_roots: Sequence[Path] = (),
    companions: Companions = ALONE,
    progress: Progress = silent,
) -> Timeline:
    """The timeline of an edit or of a bare video, by the file's suffix, with what comes beside it.

    Raises:
        InputError: missing, a plain folder, an unknown kind, empty, or unreadable.
        MediaError: a video that cannot be decoded.
    """
    if source.suffix.lower() not in EDIT_SUFFIXES and is_sequence(source):
        film, notes = film_of_sequence(source, exact_rate(rate) if rate else FALLBACK_RATE)
        if not rate:
            notes = (f"a sequence names no frame rate; {FALLBACK_RATE} is taken (set it with --rate)", *notes)
        timeline = read_video(film, progress)
        noted = replace(timeline, warnings=(*notes, *timeline.warnings))
        return with_companions(noted, companions, progress)
    if not source.exists():
        raise InputError(f"{source} does not exist")
    refuse_other_program(source)
    return with_companions(_read(source, rate, media_roots, progress), companions, progress)


def _read(source: Path, rate: str | None, media_roots: Sequence[Path], progress: Progress) -> Timeline:
    suffix = source.suffix.lower()
    if source.is_dir() and suffix not in BUNDLE_SUFFIXES:
        raise InputError(f"{source} is a folder", "give an edit (.otio, .edl, .xml, .fcpxml, .aaf) or a video file")
    if suffix in EDIT_SUFFIXES:
        with _naming(source):
            return read_edit(source, rate=exact_rate(rate) if rate else None, media_roots=media_roots)
    if suffix in VIDEO_SUFFIXES:
        with _naming(source):
            return read_video(source, progress)
    if suffix in RAW_CAMERA:
        raise InputError(
            f"{source.name} is {RAW_CAMERA[suffix]}, a raw camera format that is not decoded here",
            "render it to ProRes, DNxHR or H.264, or give the edit",
        )
    known = " ".join(sorted(EDIT_SUFFIXES | VIDEO_SUFFIXES))
    raise InputError(f"{source.name} is of an unknown kind", f"known: {known}")


@contextmanager
def _naming(source: Path) -> Iterator[None]:
    """Put the file's name into every error that does not name it."""
    try:
        yield
    except V2MError as error:
        if source.name not in error.message:
            error.message = f"{source.name}: {error.message}"
        raise
