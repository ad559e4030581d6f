"""What is on screen when. Frames are integers at the timeline's exact rate, counted from its first frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from v2m_bridge.timing.rates import frame_to_seconds
from v2m_bridge.timing.timecode import format_timecode


class CutKind(StrEnum):
    """How one shot gives way to the next."""

    CUT = "cut"
    DISSOLVE = "dissolve"
    WIPE = "wipe"
    FADE = "fade"


@dataclass(frozen=True)
class Shot:
    """One uninterrupted piece of picture, ``[start_frame, end_frame)`` on the timeline.

    Attributes:
        media: path of the source file, as far as it could be resolved; None for black or a generator.
        media_online: whether that file exists.
        source_start_s: seconds from the first frame of the media file to the shot's first frame.
        speed: media seconds per timeline second; 2.0 twice as fast, negative backwards, 0 a freeze.
        name: the clip's name in the edit.
        picture_start_s: how much later than its sound the file's picture starts, known of bare videos; hosts play the
            file on that clock.
    """

    start_frame: int
    end_frame: int
    media: str | None = None
    media_online: bool = False
    source_start_s: float = 0.0
    speed: float = 1.0
    name: str = ""
    picture_start_s: float = 0.0

    @property
    def length_frames(self) -> int:
        """Length on the timeline, in frames."""
        return self.end_frame - self.start_frame


@dataclass(frozen=True)
class Cut:
    """A change of shot at ``frame``, the first frame of the new shot.

    A transition covers ``[span_start_frame, span_end_frame)``; for a hard cut both equal ``frame`` or are None.
    """

    frame: int
    kind: CutKind = CutKind.CUT
    span_start_frame: int | None = None
    span_end_frame: int | None = None


@dataclass(frozen=True)
class Marker:
    """A marker as the editor set it; ``color`` is the host's own name (``"Red"``, ``"GREEN"``)."""

    frame: int
    name: str = ""
    color: str = ""
    note: str = ""
    duration_frames: int = 0


@dataclass(frozen=True)
class Timeline:
    """An edit, flattened to what the audience sees.

    Attributes:
        rate: exact frames per second of the picture.
        start_frame: absolute frame of the first frame (86400 = 01:00:00:00 at 24).
        duration_frames: length; every shot, cut and marker lies in ``[0, duration_frames)``.
        warnings: what could not be carried over, one sentence each.
        file_name: of the edit, without its suffix; empty where the name says it already.
    """

    name: str
    rate: Fraction
    start_frame: int
    duration_frames: int
    shots: tuple[Shot, ...] = ()
    cuts: tuple[Cut, ...] = ()
    markers: tuple[Marker, ...] = ()
    drop_frame: bool = False
    warnings: tuple[str, ...] = field(default=())
    file_name: str = ""

    @property
    def title(self) -> str:
        """The timeline's name with the name of its file, which is the one that the user knows it by."""
        return titled(self.name, self.file_name)

    @property
    def is_black(self) -> bool:
        """Whether nothing but black shows, as in an edit of markers alone."""
        return all(shot.media is None and not shot.name for shot in self.shots)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return float(frame_to_seconds(self.duration_frames, self.rate))

    def seconds(self, frame: int) -> float:
        """Seconds from the start of the timeline to the start of ``frame``."""
        return float(frame_to_seconds(frame, self.rate))

    def timecode(self, frame: int) -> str:
        """Timecode that the host shows at ``frame`` (counted from the timeline's start)."""
        return format_timecode(self.start_frame + frame, self.rate, self.drop_frame)


def titled(name: str, file_name: str) -> str:
    """A title that shows both names; the file's only where it says something else."""
    same = file_name.casefold().strip() in ("", name.casefold().strip())
    return name if same else f"{name} ({file_name})" if name else file_name
