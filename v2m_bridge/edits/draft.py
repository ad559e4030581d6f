"""The last step of every reader: pieces, transitions and markers of an edit become a :class:`Timeline`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction

from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import CutKind, Marker, Timeline
from v2m_bridge.timeline.sweep import Blend, Piece, sweep
from v2m_bridge.timing.timecode import can_drop_frames, format_timecode

MAX_DURATION_S = 100 * 3600
"""Timecode counts two digits of hours; a longer edit is a damaged file."""

MAX_TIME_S = 10_000_000
"""Source positions: timecode of a day, frame numbers of image sequences; beyond lies damage."""

OWN_MARKER = "v2m: "
"""Markers that we wrote into a host (status, chords, hits) begin like this; they are no part of the edit."""

_WIPES = ("wipe", "slide", "push", "iris", "clock", "barn", "split", "page", "spin", "curtain", "diamond", "heart")
_FADES = ("dip", "fade to", "fade in", "fade out", "fade from", "through black", "to color", "to colour")

MAX_PIECES = 500_000
MAX_WARNINGS = 50
MAX_NAME = 500

_MEDIA_SUFFIXES = (
    ".mov .mp4 .m4v .mxf .mkv .webm .avi .mts .m2ts .mpg .mpeg .wmv .r3d .braw .ari .arx .dng .exr .dpx .tif .tiff "
    ".jpg .jpeg .png .tga .psd .gif .bmp .svg .heic .crm .nev .cine .mlv .ts .3gp .ogv .flv .y4m .dv"
)
MEDIA_SUFFIXES = frozenset(_MEDIA_SUFFIXES.split())


@dataclass
class Edit:
    """What a reader collects while it walks a file; :func:`assemble` turns it into the result.

    ``unsure`` marks pieces without any media that may be a title or an offline clip: they cover what lies below
    only if nothing in the edit has media.
    """

    name: str
    rate: Fraction
    start_frame: int = 0
    drop_frame: bool = False
    pieces: list[Piece] = field(default_factory=list)
    unsure: list[Piece] = field(default_factory=list)
    blends: list[Blend] = field(default_factory=list)
    markers: list[Marker] = field(default_factory=list)
    end_frame: int = 0
    disabled: int = 0
    unsaid: int = 0
    warnings: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        """Note something that could not be carried over; repeated and endless notes are kept short."""
        text = clean(text)
        if text in self.warnings:
            return
        if len(self.warnings) < MAX_WARNINGS:
            self.warnings.append(text)
        else:
            self.unsaid += 1

    def add(self, piece: Piece, unsure: bool = False) -> None:
        """Take up one piece, or note that it is shorter than a frame."""
        if piece.end_frame <= piece.start_frame:
            self.warn(
                f"{piece.name or 'a clip'} at frame {piece.start_frame} is shorter than one frame and is left out"
            )
            return
        if len(self.pieces) + len(self.unsure) >= MAX_PIECES:
            raise InputError(f"the edit has more than {MAX_PIECES} clips")
        (self.unsure if unsure else self.pieces).append(piece)
        self.end_frame = max(self.end_frame, piece.end_frame)


def clean(text: str) -> str:
    """One line of printable text of bearable length: names come from other people's files."""
    if len(text) <= MAX_NAME and text.isprintable() and "  " not in text and text == text.strip():
        return text
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 2 * MAX_NAME]).split())
    return line if len(line) <= MAX_NAME else line[: MAX_NAME - 1] + "…"


def to_frame(seconds: Fraction, rate: Fraction) -> int:
    """Nearest frame, halves up, so that two clips that meet in time also meet in frames."""
    # floor(seconds * rate + 1/2) in whole numbers: large edits come here a hundred thousand times
    below = seconds.denominator * rate.denominator
    return (2 * seconds.numerator * rate.numerator + below) // (2 * below)


def looks_like_media(name: str) -> bool:
    """Whether a clip's name is that of a media file (an offline clip rather than a title)."""
    return "." in name and "." + name.rsplit(".", 1)[1].lower() in MEDIA_SUFFIXES


def assemble(edit: Edit) -> Timeline:
    """Flatten what the reader collected.

    Raises:
        InputError: no picture in the edit, or it is longer than timecode can count.
    """
    pieces = edit.pieces + _settle(edit)
    if not any(p.end_frame > 0 for p in pieces):
        reason = (
            f": all {edit.disabled} clips are disabled" if edit.disabled else ": no video clip on any enabled track"
        )
        raise InputError(f"the edit {edit.name!r} has no picture{reason}")
    if edit.end_frame > MAX_DURATION_S * edit.rate:
        raise InputError(f"the edit {edit.name!r} is {edit.end_frame} frames long, more than 100 hours")
    seen = sweep(pieces, edit.blends, edit.end_frame, edit.rate)
    if seen.flattened:
        edit.warn(
            f"{seen.joined} cuts continue the same footage without a jump; as they are most of the cuts, "
            "the film is taken as one finished file cut up at its scene changes, and they are kept as cuts"
        )
    if edit.disabled:
        edit.warn(f"{edit.disabled} disabled clips are left out")
    markers = _markers(edit)
    if edit.unsaid:
        edit.warnings.append(f"{edit.unsaid} further notes of this kind are not shown")
    return Timeline(
        name=clean(edit.name),
        rate=edit.rate,
        start_frame=edit.start_frame,
        duration_frames=edit.end_frame,
        shots=seen.shots,
        cuts=seen.cuts,
        markers=markers,
        drop_frame=edit.drop_frame and can_drop_frames(edit.rate),
        warnings=tuple(edit.warnings),
    )


def _settle(edit: Edit) -> list[Piece]:
    """Pieces without media: offline clips if the whole edit has no media, else titles that cover nothing."""
    offline = not any(p.opaque for p in edit.pieces)
    return [replace(p, opaque=offline) for p in edit.unsure]


def _markers(edit: Edit) -> tuple[Marker, ...]:
    """Sorted, without doubles (a linked picture and sound clip carry the same marker), inside the timeline."""
    inside: dict[Marker, None] = {}
    outside = 0
    for marker in edit.markers:
        if marker.name.startswith(OWN_MARKER):
            continue
        if 0 <= marker.frame < edit.end_frame:
            inside[marker] = None
        else:
            outside += 1
    if outside:
        edit.warn(f"{outside} markers lie outside the timeline and are left out")
    return tuple(sorted(inside, key=lambda m: (m.frame, m.name)))


def transition_kind(*names: str) -> CutKind:
    """Dissolve, wipe or fade from whatever the host calls it."""
    text = " ".join(names).lower().replace("_", " ")
    if any(word in text for word in _WIPES):
        return CutKind.WIPE
    return CutKind.FADE if any(word in text for word in _FADES) else CutKind.DISSOLVE


def guess_drop_frame(start_frame: int, rate: Fraction) -> bool:
    """Formats that do not say: drop frame if only then the edit starts on a whole minute."""
    if not can_drop_frames(rate) or start_frame == 0:
        return False
    whole = ":00;00", ":00:00"
    drop = format_timecode(start_frame, rate, drop_frame=True).endswith(whole)
    return drop and not format_timecode(start_frame, rate).endswith(whole)


def total(values: Iterable[Fraction]) -> Fraction:
    """Exact sum."""
    return sum(values, Fraction(0))
