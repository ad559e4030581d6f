"""What comes beside an edit: lists of markers, the locked picture, and how long an edit of markers alone is."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from v2m_bridge.edits.hit_lists.read_hit_list import add_hit_lists
from v2m_bridge.edits.read_edit import VIDEO_SUFFIXES
from v2m_bridge.errors import InputError
from v2m_bridge.footage.bare_video import read_video
from v2m_bridge.progress import Progress, silent
from v2m_bridge.timeline.model import CutKind, Shot, Timeline
from v2m_bridge.timing.timecode import parse_timecode

NEAR_FRAMES = 1
"""A cut of the edit and one in the picture that lie this close are the same."""

SEARCH_S = 12
"""A picture may start this much earlier or later than the edit (a leader) for the difference to be found."""


@dataclass(frozen=True)
class Companions:
    """Files and facts beside the edit.

    Attributes:
        markers: lists of markers, added to the edit's own.
        picture: video of the locked picture, on which the footage is measured instead of the edit's sources.
        duration: length of an edit of markers alone, as timecode or seconds.
    """

    markers: tuple[Path, ...] = ()
    picture: Path | None = None
    duration: str | None = None


ALONE = Companions()


def with_companions(timeline: Timeline, companions: Companions, progress: Progress = silent) -> Timeline:
    """The timeline with what comes beside it.

    Raises:
        InputError: a list, picture or length that cannot be used.
        MediaError: the picture cannot be decoded.
    """
    if companions.duration is not None:
        timeline = _lengthened(timeline, companions.duration)
    timeline = add_hit_lists(timeline, companions.markers)
    return on_picture(timeline, companions.picture, progress) if companions.picture else timeline


def _lengthened(timeline: Timeline, duration: str) -> Timeline:
    frames = _duration_frames(duration, timeline.rate)
    if not timeline.is_black:
        note = "--duration is not used: the edit has shots, which give its length"
        return replace(timeline, warnings=(*timeline.warnings, note))
    kept = tuple(m for m in timeline.markers if m.frame < frames)
    warnings = timeline.warnings
    if len(kept) < len(timeline.markers):
        warnings = (*warnings, f"{len(timeline.markers) - len(kept)} markers lie after the end and are left out")
    black = (Shot(0, frames),)
    return replace(timeline, duration_frames=frames, shots=black, cuts=(), markers=kept, warnings=warnings)


def _duration_frames(text: str, rate: Fraction) -> int:
    """Frames of ``HH:MM:SS:FF`` or of seconds.

    Raises:
        InputError: neither, or not between one frame and 100 hours.
    """
    if re.fullmatch(r"\s*\d{1,6}(?:\.\d{1,6})?\s*s?\s*", text):
        frames = round(Fraction(text.strip().rstrip("s").strip()) * rate)
    else:
        frames = parse_timecode(text, rate)
    if not 0 < frames <= 360_000 * rate:
        raise InputError(f"--duration {text!r} is not a length", "write it as HH:MM:SS:FF or in seconds")
    return frames


def on_picture(timeline: Timeline, picture: Path, progress: Progress = silent) -> Timeline:
    """The timeline with the locked picture as the media of every shot; warnings say by how much the two differ.

    Raises:
        InputError: no video file.
        MediaError: it cannot be decoded.
    """
    if picture.suffix.lower() not in VIDEO_SUFFIXES or not picture.is_file():
        raise InputError(f"--picture {picture} is not a video file")
    film = read_video(picture, progress)
    end_s = film.duration_s
    shots = tuple(
        replace(
            s,
            media=str(picture),
            media_online=True,
            source_start_s=timeline.seconds(s.start_frame),
            speed=1.0,
            picture_start_s=film.shots[0].picture_start_s,
        )
        if timeline.seconds(s.start_frame) < end_s
        else s
        for s in timeline.shots
    )
    notes = tuple(f"{picture.name}: {text}" for text in differences(timeline, film))
    return replace(timeline, shots=shots, warnings=(*timeline.warnings, *notes))


def differences(timeline: Timeline, film: Timeline) -> list[str]:
    """By how much the length and the cuts of a film differ from those of the edit; empty if they agree."""
    notes = []
    if film.rate != timeline.rate:
        notes.append(f"the picture has {float(film.rate):g} frames a second, the edit {float(timeline.rate):g}")
    longer = round(film.duration_frames / film.rate * timeline.rate) - timeline.duration_frames
    if longer:
        word = "longer" if longer > 0 else "shorter"
        notes.append(f"the picture is {abs(longer)} frames {word} than the edit ({timeline.duration_frames} frames)")
    wanted = [cut.frame for cut in timeline.cuts if cut.kind is CutKind.CUT]
    there = {round(cut.frame / film.rate * timeline.rate) for cut in film.cuts}
    if not wanted:
        return notes
    agree = _agreeing(wanted, there, 0)
    if agree == len(wanted):
        return notes
    notes.append(f"{agree} of the edit's {len(wanted)} hard cuts are seen in the picture within {NEAR_FRAMES} frame")
    shift = _best_shift(wanted, there, round(SEARCH_S * timeline.rate))
    moved = _agreeing(wanted, there, shift)
    if shift and moved > agree and moved > 1:
        word = "later" if shift > 0 else "earlier"
        notes.append(f"{moved} of them are seen {abs(shift)} frames {word}: is the picture's start that of the edit?")
    return notes


def _agreeing(wanted: list[int], there: set[int], shift: int) -> int:
    near = range(-NEAR_FRAMES, NEAR_FRAMES + 1)
    return sum(any(frame + shift + d in there for d in near) for frame in wanted)


def _best_shift(wanted: list[int], there: set[int], most: int) -> int:
    """By how many frames most cuts of the edit have to be moved to meet one in the picture."""
    counts = Counter(b - a for a in wanted for b in there if abs(b - a) <= most)
    return max(counts, key=lambda shift: (counts[shift], -abs(shift))) if counts else 0
