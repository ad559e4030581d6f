"""Sound in blocks: which notes begin in each, and a mix that carries what sounds on into the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from v2m_bridge.sound.preview.loudness import SAMPLE_RATE
from v2m_bridge.sound.preview.sounding import SoundingNote

Floats = npt.NDArray[np.float32]


def notes_by_block(
    notes: Sequence[SoundingNote], samples: int, block: int
) -> Iterator[tuple[int, list[tuple[int, SoundingNote]]]]:
    """First sample of every block, and the notes that begin in it with their sample counted from there."""
    queue = sorted(notes, key=lambda note: note.start_s)
    index = 0
    for at in range(0, samples, block):
        first = index
        while index < len(queue) and queue[index].start_s * SAMPLE_RATE < at + block:
            index += 1
        yield at, [(max(0, round(note.start_s * SAMPLE_RATE) - at), note) for note in queue[first:index]]


class BlockMixer:
    """A sum of sounds that is handed out block by block; it holds no more than what still sounds."""

    def __init__(self, block: int, *channels: int) -> None:
        """Silence of ``block`` samples, or of [block, channels]."""
        self._block = block
        self._mix = np.zeros((block, *channels), np.float32)

    def add(self, start: int, sound: Floats) -> None:
        """Add ``sound`` from sample ``start`` of the present block on."""
        end = start + len(sound)
        self._grow(end)
        self._mix[start:end] += sound

    def take(self) -> Floats:
        """The present block; the next one becomes the present."""
        block = self._mix[: self._block]
        self._mix = self._mix[self._block :]
        self._grow(self._block)
        return block

    def _grow(self, length: int) -> None:
        missing = length - len(self._mix)
        if missing > 0:
            silence = np.zeros((missing, *self._mix.shape[1:]), np.float32)
            self._mix = np.concatenate([self._mix, silence])
