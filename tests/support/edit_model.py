"""A small model of an edit, and what it shows on every frame by the plainest possible definition.

Writers in :mod:`edit_writers` put a model into a format. To extend it: add the field here with a default that leaves
present edits as they are, a :class:`Feature` and the rule in :func:`features_of`, the rule in :func:`seen_at`, and
the format's own words in every writer that carries the feature.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction

from v2m_bridge.timeline.model import Timeline


class Feature(StrEnum):
    """What an edit may hold and a format may be unable to carry."""

    UPPER_TRACKS = "upper tracks"
    DISABLED = "disabled clips and tracks"
    RETIME = "speed changes"
    NEST = "nested sequences"
    DISSOLVE = "dissolves that start at the edit point"
    CENTRED_DISSOLVE = "dissolves around the edit point"
    MARKER = "timeline markers"
    MARKER_NOTE = "notes and lengths of timeline markers"
    CLIP_MARKER = "markers on clips"
    MEDIA_START = "media whose first frame has a timecode of its own"
    REVERSED_NEST = "nested sequences that play backwards"
    CONFORM = "media of another rate that are played frame for frame"
    DROP_FRAME = "drop frame timecode"


@dataclass(frozen=True)
class ModelMarker:
    """A marker at ``frame`` of the timeline or, on a clip, of the clip as it lies on the timeline."""

    frame: int
    name: str
    note: str = ""
    length: int = 1


@dataclass(frozen=True)
class ModelClip:
    """``length`` frames of the timeline that show media of the edit's own rate or, frame for frame, of another one.

    Attributes:
        start: lowest frame of the media file that shows; a reversed clip ends there.
        speed: media frames per frame of timeline.
        media_start: timecode of the media's first frame, in frames.
        media_rate: of the media, if it is not that of the edit; its frames are played one for one.
    """

    name: str
    start: int
    length: int
    speed: Fraction = Fraction(1)
    enabled: bool = True
    media_start: int = 0
    markers: tuple[ModelMarker, ...] = ()
    media_rate: Fraction | None = None

    @property
    def url(self) -> str:
        """Where the media lies: nowhere on this machine."""
        return f"/nowhere/{self.name}.mov"

    @property
    def media_length(self) -> int:
        """Frames of the media that are used, with handles; enough for every writer that has to name a length."""
        return 100_000


@dataclass(frozen=True)
class ModelGap:
    """Nothing, for ``length`` frames."""

    length: int


@dataclass(frozen=True)
class ModelDissolve:
    """A transition over the edit point between its neighbours; it takes no length of its own."""

    before: int
    after: int
    length: int = field(default=0, init=False)


@dataclass(frozen=True)
class ModelNest:
    """Tracks seen through a window: ``length`` frames of the timeline from frame ``start`` of the tracks."""

    name: str
    tracks: tuple[ModelTrack, ...]
    start: int
    length: int
    speed: Fraction = Fraction(1)
    enabled: bool = True


ModelItem = ModelClip | ModelGap | ModelDissolve | ModelNest


@dataclass(frozen=True)
class ModelTrack:
    """Items one after the other."""

    items: tuple[ModelItem, ...]
    enabled: bool = True

    @property
    def length(self) -> int:
        return sum(item.length for item in self.items)

    def placed(self) -> Iterator[tuple[int, ModelItem]]:
        """Every item with the frame at which it starts."""
        at = 0
        for item in self.items:
            yield at, item
            at += item.length


@dataclass(frozen=True)
class ModelEdit:
    """An edit; tracks from bottom to top."""

    tracks: tuple[ModelTrack, ...]
    rate: Fraction = Fraction(24)
    start_frame: int = 0
    drop_frame: bool = False
    markers: tuple[ModelMarker, ...] = ()
    name: str = "model"

    @property
    def length(self) -> int:
        """Frames of the longest track."""
        return max(track.length for track in self.tracks)


def track(*items: ModelItem, enabled: bool = True) -> ModelTrack:
    """A track of these items."""
    return ModelTrack(items, enabled)


def all_items(tracks: tuple[ModelTrack, ...]) -> Iterator[ModelItem]:
    """Every item, nested ones included."""
    for item in itertools.chain.from_iterable(t.items for t in tracks):
        yield item
        if isinstance(item, ModelNest):
            yield from all_items(item.tracks)


def features_of(edit: ModelEdit) -> frozenset[Feature]:
    """What a format must carry to hold this edit."""
    items = list(all_items(edit.tracks))
    clips: list[ModelClip | ModelNest] = [i for i in items if isinstance(i, ModelClip)]
    nests: list[ModelClip | ModelNest] = [i for i in items if isinstance(i, ModelNest)]
    dissolves = [i for i in items if isinstance(i, ModelDissolve)]
    needed = {
        Feature.UPPER_TRACKS: len(edit.tracks) > 1,
        Feature.DISABLED: not all([x.enabled for x in edit.tracks] + [x.enabled for x in clips + nests]),
        Feature.RETIME: any(x.speed != 1 for x in clips + nests),
        Feature.NEST: bool(nests),
        Feature.DISSOLVE: bool(dissolves),
        Feature.CENTRED_DISSOLVE: any(d.before for d in dissolves),
        Feature.MARKER: bool(edit.markers),
        Feature.MARKER_NOTE: any(m.note or m.length != 1 for m in edit.markers),
        Feature.CLIP_MARKER: any(i.markers for i in items if isinstance(i, ModelClip)),
        Feature.MEDIA_START: any(i.media_start for i in items if isinstance(i, ModelClip)),
        Feature.REVERSED_NEST: any(n.speed < 0 for n in nests),
        Feature.CONFORM: any(c.media_rate for c in clips),
        Feature.DROP_FRAME: edit.drop_frame,
    }
    return frozenset(feature for feature, is_needed in needed.items() if is_needed)


@dataclass(frozen=True)
class Seen:
    """What one frame shows: the clip and the frame of its media file."""

    clip: ModelClip
    media_frame: Fraction
    speed: Fraction


def seen_at(tracks: tuple[ModelTrack, ...], frame: Fraction) -> Seen | None:
    """The picture at ``frame`` of a stack of tracks, or None for black: the topmost enabled clip that lies there."""
    for layer in reversed(tracks):
        for at, item in layer.placed() if layer.enabled else ():
            if not at <= frame < at + item.length:
                continue
            into = frame - at
            if isinstance(item, ModelClip) and item.enabled:
                first = item.start if item.speed >= 0 else item.start - item.length * item.speed - 1
                return Seen(item, first + into * item.speed, item.speed)
            if isinstance(item, ModelNest) and item.enabled:
                first = item.start if item.speed >= 0 else item.start - item.length * item.speed - 1
                found = seen_at(item.tracks, first + into * item.speed)
                if found:
                    return Seen(found.clip, found.media_frame, found.speed * item.speed)
    return None


def flattened(edit: ModelEdit) -> ModelEdit:
    """What shows, on one track, as programs hand an edit over in a format of simple events.

    Nested sequences are taken apart, media of another rate count their frames at the edit's own, and markers on clips
    become markers of the timeline.
    """
    pictures = [seen_at(edit.tracks, Fraction(frame)) for frame in range(edit.length)]
    edges = [0, *expected_cuts(pictures), edit.length]
    items: list[ModelItem] = []
    for start, end in itertools.pairwise(edges):
        seen, length = pictures[start], end - start
        if seen is None:
            items.append(ModelGap(length))
            continue
        lowest = seen.media_frame if seen.speed >= 0 else seen.media_frame + length * seen.speed + 1
        assert lowest.denominator == 1, "simple events count whole frames of the source"
        items.append(ModelClip(seen.clip.name, int(lowest), length, seen.speed))
    markers = {(m.frame, m.name): m for m in edit.markers}
    placed = tuple(markers.get(each, ModelMarker(*each)) for each in placed_markers(edit))
    return replace(edit, tracks=(track(*items),), markers=placed)


def placed_markers(edit: ModelEdit) -> list[tuple[int, str]]:
    """Frames and names of the edit's markers and of those on the clips of its own tracks, in order."""
    found = [(m.frame, m.name) for m in edit.markers]
    for layer in edit.tracks:
        found += [
            (at + m.frame, m.name) for at, item in layer.placed() if isinstance(item, ModelClip) for m in item.markers
        ]
    return sorted(found)


def check_shows(read: Timeline, edit: ModelEdit) -> None:
    """Assert that a timeline shows on every frame what the model shows, and cuts exactly where the model cuts."""
    assert (read.rate, read.duration_frames) == (edit.rate, edit.length)
    pictures = [seen_at(edit.tracks, Fraction(frame)) for frame in range(edit.length)]
    assert [s.start_frame for s in read.shots[1:]] == expected_cuts(pictures)
    for shot in read.shots:
        for frame in range(shot.start_frame, shot.end_frame):
            seen = pictures[frame]
            if seen is None:
                assert (shot.media, shot.name) == (None, ""), f"frame {frame} should be black"
                continue
            media_rate = seen.clip.media_rate or edit.rate
            shown = (shot.source_start_s + (frame - shot.start_frame) / float(edit.rate) * shot.speed) * media_rate
            assert shot.name == seen.clip.name, f"frame {frame}"
            assert abs(shot.speed - float(seen.speed * edit.rate / media_rate)) < 1e-8, f"frame {frame}"
            assert abs(float(shown) - float(seen.media_frame)) < 1e-6, f"frame {frame} of {shot.name}"


def expected_cuts(pictures: list[Seen | None]) -> list[int]:
    """Frames where the clip changes, or where its media does not go on at its speed."""
    cuts = []
    for frame, (before, after) in enumerate(itertools.pairwise(pictures), start=1):
        if before is None or after is None:
            changes = before is not after
        else:
            goes_on = after.media_frame - before.media_frame == before.speed and before.speed == after.speed
            changes = before.clip.url != after.clip.url or not goes_on
        if changes:
            cuts.append(frame)
    return cuts


def check_sound(read: Timeline) -> None:
    """Assert what every timeline promises: shots cover it without a hole, cuts lie between them, markers inside."""
    assert read.duration_frames > 0
    assert [s.start_frame for s in read.shots][:1] == [0]
    assert read.shots[-1].end_frame == read.duration_frames
    for before, after in itertools.pairwise(read.shots):
        assert before.end_frame == after.start_frame
    assert [c.frame for c in read.cuts] == [s.start_frame for s in read.shots[1:]]
    for cut in read.cuts:
        assert cut.span_start_frame is not None and cut.span_end_frame is not None
        assert 0 <= cut.span_start_frame <= cut.frame <= cut.span_end_frame <= read.duration_frames
    assert all(0 <= m.frame < read.duration_frames and m.duration_frames >= 0 for m in read.markers)
    assert all("\n" not in w for w in read.warnings)
