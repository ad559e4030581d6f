"""The shots of a cut as the comparison sees them: keys without version, tokens of names, source position in frames."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePosixPath

from v2m_bridge.timeline.model import Timeline

_VERSION = re.compile(r"(?:^|(?<=[\W_]))(?:v|ver|version)[\W_]?\d{1,5}(?=$|[\W_])", re.IGNORECASE)
"""A version as VFX houses write it: `_v012`, `.V3`, `-ver_02`."""
_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")
_TOKEN = re.compile(r"[a-z]+|\d+")


@dataclass(frozen=True)
class Span:
    """One visible shot, ``[start, end)`` in frames of the common rate.

    Attributes:
        raw: media and name as they were written; what differs only here is a new version.
        media: key of the media without folder, suffix and version; empty without media.
        name: key of the clip's name without suffix and version; empty without media.
        media_tokens, name_tokens: words and numbers of the two keys.
        source: frames from the first frame of the media to the first frame of the shot.
        timecode: the same from midnight of the media's timecode, or None if the edit does not say.
        speed: source frames per frame.
    """

    index: int
    start: int
    end: int
    raw: str
    media: str
    name: str
    media_tokens: frozenset[str]
    name_tokens: frozenset[str]
    source: float
    timecode: float | None
    speed: float

    @property
    def length(self) -> int:
        return self.end - self.start

    @property
    def black(self) -> bool:
        """No media and no name: a gap."""
        return not self.raw

    def source_at(self, frame: float) -> float:
        """Source frame shown at a frame of the cut."""
        return self.source + (frame - self.start) * self.speed


def key_of(text: str) -> str:
    """Media path or clip name without folder, suffix and version, in small letters.

    >>> key_of("plates/MER_0010_v003.mov") == key_of("D:\\\\vfx\\\\MER_0010_V12.exr")
    True
    """
    stem = PurePosixPath(unicodedata.normalize("NFC", text).replace("\\", "/")).name
    stem = _SUFFIX.sub("", stem)
    bare = _VERSION.sub("", stem)
    bare = re.sub(r"[\W_]+", "_", bare).strip("_").lower()
    return bare or stem.lower()


def tokens_of(key: str) -> frozenset[str]:
    """Words and numbers of a key; a number keeps its zeros."""
    return frozenset(_TOKEN.findall(key))


def spans_of(timeline: Timeline, scale: Fraction = Fraction(1)) -> list[Span]:
    """The visible shots of a cut.

    Args:
        timeline: the cut.
        scale: multiplies every frame position, to bring two cuts of different rates to common frames.
    """
    rate = float(timeline.rate * scale)
    spans: list[Span] = []
    for index, shot in enumerate(timeline.shots):
        start, end = round(shot.start_frame * scale), round(shot.end_frame * scale)
        if end <= start:
            continue
        media, name = key_of(shot.media or ""), key_of(shot.name)
        spans.append(
            Span(
                index=index,
                start=start,
                end=end,
                raw="|".join(filter(None, (PurePosixPath((shot.media or "").replace("\\", "/")).name, shot.name))),
                media=media or name,
                name=name if media else "",
                media_tokens=tokens_of(media or name),
                name_tokens=tokens_of(name) if media else frozenset(),
                source=shot.source_start_s * rate,
                timecode=None,
                speed=shot.speed,
            )
        )
    return spans


def common_scale(old: Timeline, new: Timeline) -> Fraction:
    """Factor for old frames so that both cuts count alike.

    Rates that differ by the pull-down (24 and 23.976) are the same frames. Otherwise the picture was either taken
    frame by frame (24 played at 25) or by time; the one in which more lengths of shots agree wins.
    """
    ratio = new.rate / old.rate
    if abs(ratio - 1) < Fraction(1, 200):
        return Fraction(1)
    return max((Fraction(1), ratio), key=lambda scale: _agreeing_lengths(spans_of(old, scale), spans_of(new)))


def _agreeing_lengths(old: Sequence[Span], new: Sequence[Span]) -> int:
    lengths = {s.length for s in old}
    return sum(1 for s in new if s.length in lengths)
