"""The start timecode inside a media file, for edits that count in it without saying where the file begins."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from v2m_bridge.errors import InputError
from v2m_bridge.files.open_media import open_media
from v2m_bridge.timing.rates import MAX_RATE, exact_rate
from v2m_bridge.timing.timecode import parse_timecode


def origin_s(path: str, start_s: Fraction, *, counts_timecode: bool) -> Fraction:
    """Seconds of the edit's source clock at the first frame of the file.

    Args:
        path: a media file that exists.
        start_s: where the edit starts in it, in the edit's source clock.
        counts_timecode: the edit is known to count in timecode (EDL). If it is not known, timecode is meant only
            where the file is too short for ``start_s`` to count from its first frame.
    """
    begin_s, length_s = _timecode_and_length(path)
    if begin_s is None or begin_s > start_s:
        return Fraction(0)
    return begin_s if counts_timecode or start_s >= length_s else Fraction(0)


@lru_cache(maxsize=4096)
def _timecode_and_length(path: str) -> tuple[Fraction | None, Fraction]:
    """Start timecode in seconds (None without one) and length in seconds (0 if unknown) of a media file."""
    import av

    try:
        with open_media(path) as container:
            length_s = Fraction(container.duration or 0, av.time_base)
            streams = [container.metadata, *(s.metadata for s in container.streams)]
            text = next((m["timecode"] for m in streams if m.get("timecode")), "")
            video = container.streams.video[0] if container.streams.video else None
            rate = video.average_rate or video.guessed_rate if video is not None else None
    except (av.FFmpegError, OSError, ValueError):
        return None, Fraction(0)
    if not text or not rate or not 0 < rate <= MAX_RATE:
        return None, length_s
    exact = exact_rate(Fraction(rate))
    try:
        return parse_timecode(text, exact) / exact, length_s
    except InputError:
        return None, length_s
