"""A film to try the product on: synthesised footage and an edit of it, as an editor would hand it over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from v2m_bridge.demo.synthesis import synthesise_film
from v2m_bridge.progress import Progress, silent

FOOTAGE_NAME = "demo_footage.mp4"
EDIT_NAME = "demo_edit.otio"
RATE = 24
START_FRAME = 86400
"""01:00:00:00 at 24 frames a second, where editors start their timelines."""


@dataclass(frozen=True)
class DemoClip:
    """``frames`` of the timeline from ``source_frame`` of the footage on, at ``speed``."""

    shot: int
    offset: int
    frames: int
    speed: float = 1.0


# Shot lengths as an editor cuts a short spot: slow opening, quickening middle, one long breath, a last image.
EDIT = (
    DemoClip(0, 6, 61),
    DemoClip(2, 4, 45),
    DemoClip(1, 10, 38),
    DemoClip(3, 2, 29),
    DemoClip(4, 8, 23, 2.0),
    DemoClip(5, 3, 25),
    DemoClip(6, 12, 19),
    DemoClip(1, 40, 17),
    DemoClip(7, 5, 71),
    DemoClip(2, 30, 33),
    DemoClip(0, 30, 59),
)
DISSOLVE_BEFORE, DISSOLVE_FRAMES = 8, 6
"""Clip 8 dissolves in: six frames either side of the cut."""

MARKERS = (
    (0, "mood: relaxing", "GREEN", ""),
    (144, "mood: exciting", "YELLOW", ""),
    (173, "HIT", "RED", "the chase"),
    (257, "mood: sad", "BLUE", ""),
)


@dataclass(frozen=True)
class Demo:
    """Where the demo lies."""

    footage: Path
    edit: Path


def make_demo(folder: Path, progress: Progress = silent) -> Demo:
    """Synthesise the footage and write the edit into ``folder``, which is created."""
    folder.mkdir(parents=True, exist_ok=True)
    footage = folder / FOOTAGE_NAME
    progress("film", 0.0)
    film = synthesise_film(footage)
    progress("film", 1.0)
    edit = folder / EDIT_NAME
    write_edit(edit, [0, *(cut.frame for cut in film.cuts)], film.duration_frames)
    return Demo(footage, edit)


def write_edit(path: Path, shot_starts: list[int], footage_frames: int) -> None:
    """Write ``EDIT`` over footage whose shots start at ``shot_starts`` as OTIO, as Resolve lays it out."""
    import opentimelineio as otio

    def span(start: float, frames: float) -> otio.opentime.TimeRange:
        return otio.opentime.TimeRange(
            otio.opentime.RationalTime(start, RATE), otio.opentime.RationalTime(frames, RATE)
        )

    timeline = otio.schema.Timeline("v2m demo", global_start_time=otio.opentime.RationalTime(START_FRAME, RATE))
    track = otio.schema.Track("Video 1", kind=otio.schema.TrackKind.Video)
    timeline.tracks.append(track)
    for index, clip in enumerate(EDIT):
        if index == DISSOLVE_BEFORE:
            half = otio.opentime.RationalTime(DISSOLVE_FRAMES, RATE)
            track.append(
                otio.schema.Transition("Cross Dissolve", otio.schema.TransitionTypes.SMPTE_Dissolve, half, half)
            )
        media = otio.schema.ExternalReference(FOOTAGE_NAME, span(0, footage_frames))
        item = otio.schema.Clip(f"shot {clip.shot + 1}", media, span(shot_starts[clip.shot] + clip.offset, clip.frames))
        if clip.speed != 1.0:
            item.effects.append(otio.schema.LinearTimeWarp("Speed", time_scalar=clip.speed))
        track.append(item)
    for frame, name, color, note in MARKERS:
        marker = otio.schema.Marker(name, span(START_FRAME + frame, 1), color)
        marker.metadata["Resolve_OTIO"] = {"Keywords": [], "Note": note}
        timeline.tracks.markers.append(marker)
    otio.adapters.write_to_file(timeline, str(path))
