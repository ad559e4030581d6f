"""An edit as a person would describe it; the stand-in for Resolve shows it as objects and exports it as OTIO.

Record positions are frames of the timeline counted from its first frame; source positions are frames of the media
counted from the first frame of the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True)
class Media:
    """A file of the media pool, or a timeline that is used as a clip (``nested``).

    Attributes:
        start_tc_frame: timecode of the first frame, as a frame count at ``rate``.
        kind: ``video``, ``audio``, ``still``, ``sequence`` (``path`` is ``name.[0001-0100].ext``), ``timeline``, or
            ``multicam`` (shown as one clip that nothing looks into).
    """

    path: str
    rate: Fraction
    frames: int
    start_tc_frame: int = 0
    kind: str = "video"
    drop_frame: bool = False
    online: bool = True
    nested: ResolveEdit | None = None

    @property
    def name(self) -> str:
        return self.path.replace("\\", "/").rsplit("/", 1)[-1]


@dataclass(frozen=True)
class EditMarker:
    """A marker; on a timeline ``frame`` counts from its start, on a clip it is a frame of the media."""

    frame: int
    color: str = "Blue"
    name: str = ""
    note: str = ""
    duration: int = 1
    custom_data: str = ""


@dataclass(frozen=True)
class Clip:
    """``length`` frames from ``start``; the first shows frame ``source_frame`` of ``media``.

    ``media`` None is a title, generator or adjustment clip (``kind``). A negative speed plays backwards from
    ``source_frame``. ``ramp``: speeds of equally long parts, whose mean is ``speed``; only the OTIO export tells them.
    """

    start: int
    length: int
    media: Media | None = None
    source_frame: float = 0
    speed: Fraction = Fraction(1)
    name: str = ""
    kind: str = "clip"
    enabled: bool = True
    opacity: float = 100.0
    markers: tuple[EditMarker, ...] = ()
    ramp: tuple[Fraction, ...] = ()

    @property
    def title(self) -> str:
        return self.name or (self.media.name if self.media else self.kind.title())

    def consumed_frames(self, rate: Fraction) -> Fraction:
        """Frames of the media that play during the clip on a timeline of ``rate``."""
        assert self.media is not None
        return Fraction(self.length) / rate * self.media.rate * abs(self.speed)


@dataclass(frozen=True)
class Transition:
    """A blend that covers ``[cut - before, cut + after)``."""

    cut: int
    before: int
    after: int
    style: str = "Cross Dissolve"


@dataclass(frozen=True)
class EditTrack:
    """Clips and transitions of one layer, in order."""

    items: tuple[Clip | Transition, ...] = ()
    enabled: bool = True
    name: str = ""
    locked: bool = False

    @property
    def clips(self) -> tuple[Clip, ...]:
        return tuple(item for item in self.items if isinstance(item, Clip))


@dataclass(frozen=True)
class ResolveEdit:
    """A timeline. Marks count from its start; ``video`` is listed bottom to top.

    ``audio_marks`` are the in and out point of the sound where they are split from the picture's.
    """

    name: str
    rate: Fraction
    start_frame: int = 0
    drop_frame: bool = False
    video: tuple[EditTrack, ...] = ()
    audio: tuple[EditTrack, ...] = ()
    subtitles: tuple[EditTrack, ...] = ()
    markers: tuple[EditMarker, ...] = ()
    mark_in: int | None = None
    mark_out: int | None = None
    audio_marks: tuple[int | None, int | None] | None = None
    unique_id: str = field(default="5c1b6a6e-52a4-4f5b-9d7e-0c7a4e0f1a2b")

    @property
    def length(self) -> int:
        """Frames up to the end of the last clip."""
        return max((c.start + c.length for t in (*self.video, *self.audio) for c in t.clips), default=0)
