"""The sound of a file at 16 kHz, in the file's own time: seconds from its first picture, or from its start."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from v2m_bridge.errors import MediaError
from v2m_bridge.footage.model import FloatArray

if TYPE_CHECKING:
    import av
    import av.container

MOST_STREAMS = 4
"""Cameras and recorders write microphones as streams of their own; the first four are mixed."""
SEEK_MARGIN_S = 0.5


def read_sound(path: Path, start_s: float, end_s: float, rate: int) -> FloatArray | None:
    """[(end - start) * rate] mono samples -1..1 of ``[start_s, end_s)``; None where the file has no sound.

    Gaps in the file are silence. ``end_s`` may lie beyond the end of the file: the array then ends with the sound.

    Raises:
        MediaError: the file cannot be opened, or its sound cannot be decoded at all.
    """
    import av

    try:
        with av.open(str(path)) as container:
            streams = list(container.streams.audio)[:MOST_STREAMS]
            if not streams:
                return None
            return _decoded(container, start_s, end_s, rate)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"the sound of {path.name} cannot be read: {error}", "it counts as silent") from error


def _first_picture_s(container: av.container.InputContainer) -> float:
    """Container time of the first picture, or of the start where there is none; times count from there."""
    for stream in container.streams.video:
        if stream.start_time is not None and stream.time_base is not None and not stream.disposition.attached_pic:
            return float(stream.start_time * stream.time_base)
    return (container.start_time or 0) / 1_000_000


def _decoded(container: av.container.InputContainer, start_s: float, end_s: float, rate: int) -> FloatArray:
    import av

    origin_s = _first_picture_s(container)
    streams = list(container.streams.audio)[:MOST_STREAMS]
    resamplers = {s.index: av.AudioResampler(format="flt", layout="mono", rate=rate) for s in streams}
    if start_s > SEEK_MARGIN_S:
        container.seek(int((origin_s + start_s - SEEK_MARGIN_S) * 1_000_000), backward=True)
    mix = _Mix(start_s, end_s, rate, len(streams))
    done: set[int] = set()
    for packet in container.demux(streams):
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            continue  # a damaged packet is silence
        for frame in frames:
            if not isinstance(frame, av.AudioFrame) or frame.pts is None or frame.time_base is None:
                continue
            at_s = float(frame.pts * frame.time_base) - origin_s
            if at_s >= end_s:
                done.add(packet.stream.index)
                continue
            for piece in resamplers[packet.stream.index].resample(frame):
                mix.add(at_s, np.asarray(piece.to_ndarray(), np.float32).reshape(-1))
        if len(done) == len(streams):
            break
    return mix.finish()


class _Mix:
    """Adds pieces of sound into one array of ``[start_s, end_s)`` that grows as far as there is sound."""

    def __init__(self, start_s: float, end_s: float, rate: int, streams: int) -> None:
        self._start_s, self._rate, self._share = start_s, rate, 1 / math.sqrt(streams)
        self._most = max(0, round((end_s - start_s) * rate))
        self._samples = np.zeros(min(self._most, 60 * rate), np.float32)
        self._used = 0

    def add(self, at_s: float, samples: FloatArray) -> None:
        """Add a piece that begins at ``at_s``; what lies outside is left out."""
        place = round((at_s - self._start_s) * self._rate)
        samples = samples[max(0, -place) : max(0, self._most - place)]
        place = max(0, place)
        end = place + len(samples)
        if not len(samples):
            return
        if end > len(self._samples):
            grown = np.zeros(min(self._most, max(end, 2 * len(self._samples))), np.float32)
            grown[: self._used] = self._samples[: self._used]
            self._samples = grown
        self._samples[place:end] += self._share * samples
        self._used = max(self._used, end)

    def finish(self) -> FloatArray:
        """The sound as far as there was any."""
        return np.clip(self._samples[: self._used], -1, 1)
