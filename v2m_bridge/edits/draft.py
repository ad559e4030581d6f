"""What a reader collects while it walks an edit, and the last step of every reader: the draft becomes a Timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from v2m_bridge.edits.limits import MAX_CLIPS, MAX_DURATION_S, TooLargeError
from v2m_bridge.edits.names import clean
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import CutKind, Marker, Timeline
from v2m_bridge.timeline.sweep import Blend, Piece, sweep
from v2m_bridge.timing.timecode import can_drop_frames, format_timecode

OWN_MARKER = "v2m: "
"""Names of markers that we wrote into a host (status, chords, hits) begin like this; they are not part of the edit."""

MAX_WARNINGS = 50

LONG_BLACK_S = 1800
"""More black than this before the first clip is a mistake of whatever wrote the edit."""


@dataclass
class EditDraft:
    """An edit while it is being read; :func:`assemble` makes the result of it.

    Frames and seconds count from the start of the timeline.

    Attributes:
        start_frame: absolute frame of the timeline's start.
        pieces: clips on their layers.
        maybe_titles: clips without any media that may be titles or offline clips. They cover what lies below only
            if nothing in the edit has media.
        end_frame: length of the timeline as far as it is known.
        disabled_clips: how many clips are left out because they are disabled.
        damaged: how many items were left out or mended.
        suppressed_warnings: how many warnings came after the first :data:`MAX_WARNINGS`.
    """

    name: str
    rate: Fraction
    start_frame: int = 0
    drop_frame: bool = False
    pieces: list[Piece] = field(default_factory=list)
    maybe_titles: list[Piece] = field(default_factory=list)
    blends: list[Blend] = field(default_factory=list)
    markers: list[Marker] = field(default_factory=list)
    end_frame: int = 0
    disabled_clips: int = 0
    damaged: int = 0
    suppressed_warnings: int = 0
    warnings: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        """Note something that could not be carried over; a repeated warning is kept once, a flood is only counted."""
        text = clean(text)
        if text in self.warnings:
            return
        if len(self.warnings) < MAX_WARNINGS:
            self.warnings.append(text)
        else:
            self.suppressed_warnings += 1

    def warn_given_rate(self, given: Fraction | None) -> None:
        """Warn that the user gave a rate although the edit has another one of its own."""
        if given is not None and given != self.rate:
            self.warn(f"the edit has its own rate of {self.rate} frames a second; the given {given} is not used")

    def warn_speed_ramp(self, place: str, mean_speed: str) -> None:
        """Warn that the clip at ``place`` changes its speed, which a shot cannot."""
        self.warn(f"{place}: its speed ramp is taken at the mean speed of {mean_speed}")

    def warn_unused_markers(self, place: str, count: int) -> None:
        """Warn about ``count`` markers of an item that lie outside of what it shows; no warning for 0."""
        if count:
            self.warn(f"{place}: {count} markers lie on footage that is not used and are left out")

    def warn_damage(self, error: InputError, cost: str = "it is left out") -> None:
        """Warn that an item is damaged, and what that costs; a limit that is passed stops the reading.

        Raises:
            TooLargeError: ``error`` itself, if it is one.
        """
        if isinstance(error, TooLargeError):
            raise error
        self.damaged += 1
        self.warn(f"{error.message}; {cost}")

    def add(self, piece: Piece, maybe_title: bool = False) -> None:
        """Take up one clip; one shorter than a frame is left out with a warning.

        Raises:
            InputError: more clips than any edit has.
        """
        if piece.end_frame <= piece.start_frame:
            self.warn(
                f"{piece.name or 'a clip'} at frame {piece.start_frame} is shorter than one frame and is left out"
            )
            return
        if len(self.pieces) + len(self.maybe_titles) >= MAX_CLIPS:
            raise TooLargeError(f"the edit has more than {MAX_CLIPS} clips")
        (self.maybe_titles if maybe_title else self.pieces).append(piece)
        self.reach(piece.end_frame)

    def add_marker(self, start_s: Fraction, duration_s: Fraction, name: str, color: str, note: str) -> None:
        """Take up one marker at exact seconds of the timeline."""
        frame = to_frame(start_s, self.rate)
        length = max(0, to_frame(start_s + duration_s, self.rate) - frame)
        self.markers.append(Marker(frame, clean(name), clean(color), clean(note), length))

    def blend(self, edge_s: Fraction, span_s: tuple[Fraction, Fraction], layer: int, kind: CutKind) -> Blend:
        """A transition at exact seconds of the timeline: its edit point and what it covers; it is not added yet."""
        start, end = (to_frame(time_s, self.rate) for time_s in span_s)
        return Blend(to_frame(edge_s, self.rate), start, end, layer, kind)

    def reach(self, frame: int) -> None:
        """The timeline is at least so many frames long."""
        self.end_frame = max(self.end_frame, frame)

    def reach_s(self, seconds: Fraction) -> None:
        """The timeline is at least so many seconds long."""
        self.reach(to_frame(seconds, self.rate))


def draft_of_first_sequence(
    path: Path, names: list[str], own_rate: Fraction | None, given_rate: Fraction | None
) -> EditDraft:
    """A draft of the first of the sequences that an XML file holds.

    Args:
        names: names of all sequences; an empty first one is replaced by the file's.
        own_rate: rate of the first sequence, if it has one; else the user's ``given_rate`` counts.

    Raises:
        InputError: there is no rate.
    """
    rate = own_rate or given_rate
    if rate is None:
        raise InputError(f"the sequence of {path.name} has no frame rate", "give it with --rate")
    draft = EditDraft(name=clean(names[0] or path.stem), rate=rate)
    draft.warn_given_rate(given_rate)
    if len(names) > 1:
        draft.warn(f"the file holds {len(names)} sequences; only {draft.name!r} is read")
    return draft


def to_frame(seconds: Fraction, rate: Fraction) -> int:
    """Nearest frame, halves up, so that two clips that meet in time also meet in frames."""
    # floor(seconds * rate + 1/2) in whole numbers: a large edit calls this a hundred thousand times
    below = seconds.denominator * rate.denominator
    return (2 * seconds.numerator * rate.numerator + below) // (2 * below)


def guess_drop_frame(start_frame: int, rate: Fraction) -> bool:
    """For formats that do not say: drop frame if only then the edit starts on a whole minute."""
    if not can_drop_frames(rate) or start_frame == 0:
        return False
    whole = ":00;00", ":00:00"
    drop = format_timecode(start_frame, rate, drop_frame=True).endswith(whole)
    return drop and not format_timecode(start_frame, rate).endswith(whole)


def assemble(draft: EditDraft) -> Timeline:
    """Flatten what the reader collected.

    Raises:
        InputError: no picture in the edit, or it is longer than timecode can count.
    """
    pieces = draft.pieces + _decided_titles(draft)
    if not any(p.end_frame > 0 for p in pieces):
        _take_as_markers_only(draft)
    _warn_long_black(draft, pieces)
    if draft.end_frame > MAX_DURATION_S * draft.rate:
        raise InputError(f"the edit {draft.name!r} is {draft.end_frame} frames long, more than 100 hours")
    swept = sweep(pieces, draft.blends, draft.end_frame, draft.rate)
    if swept.flattened:
        draft.warn(
            f"{swept.joined} cuts continue the same footage without a jump; as they are most of the cuts, "
            "the film is taken as one finished file cut up at its scene changes, and they are kept as cuts"
        )
    if draft.disabled_clips:
        draft.warn(f"{draft.disabled_clips} disabled clips are left out")
    markers = _markers(draft)
    if draft.suppressed_warnings:
        draft.warnings.append(f"{draft.suppressed_warnings} further notes of this kind are not shown")
    return Timeline(
        name=clean(draft.name),
        rate=draft.rate,
        start_frame=draft.start_frame,
        duration_frames=draft.end_frame,
        shots=swept.shots,
        cuts=swept.cuts,
        markers=markers,
        drop_frame=draft.drop_frame and can_drop_frames(draft.rate),
        warnings=tuple(draft.warnings),
    )


def _take_as_markers_only(draft: EditDraft) -> None:
    """An edit without clips is one of markers (review tools write them): black picture to the last marker.

    Raises:
        InputError: it has no markers either, or its clips are disabled or damaged.
    """
    if draft.disabled_clips:
        reason = f"all {draft.disabled_clips} clips are disabled"
    elif draft.damaged:
        reason = draft.warnings[0] if draft.warnings else "its clips are damaged"
    else:
        reason = "no video clip on any enabled track"
    ends = [m.frame + max(1, m.duration_frames) for m in draft.markers if m.frame >= 0]
    if draft.disabled_clips or draft.damaged or not ends:
        raise InputError(f"the edit {draft.name!r} has no picture: {reason}")
    draft.reach(max(ends))
    draft.warn("the edit holds markers only, no shots; the picture is taken as black")


def _warn_long_black(draft: EditDraft, pieces: Sequence[Piece]) -> None:
    first = min((max(0, p.start_frame) for p in pieces if p.end_frame > 0), default=0)
    if first > LONG_BLACK_S * draft.rate:
        hours = float(first / draft.rate / 3600)
        draft.warn(
            f"the edit begins with {hours:.1f} hours of black before its first clip; its start timecode was probably "
            "written as a gap"
        )


def _decided_titles(draft: EditDraft) -> list[Piece]:
    """Clips without media: offline clips if nothing in the edit has media, else titles that cover nothing."""
    offline = not any(p.opaque for p in draft.pieces)
    return [replace(p, opaque=offline) for p in draft.maybe_titles]


def _markers(draft: EditDraft) -> tuple[Marker, ...]:
    """The editor's markers inside the timeline, sorted and each once: linked picture and sound carry the same one."""
    inside: dict[Marker, None] = {}
    outside = 0
    for marker in draft.markers:
        if marker.name.startswith(OWN_MARKER):
            continue
        if 0 <= marker.frame < draft.end_frame:
            inside[marker] = None
        else:
            outside += 1
    if outside:
        draft.warn(f"{outside} markers lie outside the timeline and are left out")
    return tuple(sorted(inside, key=lambda m: (m.frame, m.name)))
