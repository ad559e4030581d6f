"""Encodes stills with CLIP in batches: similar stills only once, and none that the cache already holds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from v2m_bridge.footage.cache import NO_CACHE, ArrayCache, Arrays, entry_key
from v2m_bridge.footage.clip.encoder import BATCH, ClipEncoder, find_weights, load_encoder, weights_identity
from v2m_bridge.footage.model import SEMANTIC_SIZE, BoolArray, FloatArray
from v2m_bridge.footage.passes.stills import group_alike
from v2m_bridge.footage.video.trace import UInt8Array
from v2m_bridge.music.emotions import EMOTIONS

FLUSH = 2 * BATCH
"""The batcher encodes as soon as this many stills wait."""


@dataclass(frozen=True)
class ClipRows:
    """CLIP's output for T seconds: semantic [T, 768] and emotion [T, 6], zeros where ``present`` [T] is False."""

    semantic: FloatArray
    emotion: FloatArray
    present: BoolArray

    @staticmethod
    def absent(rows: int) -> ClipRows:
        """T rows, none of them present."""
        return ClipRows(
            np.zeros((rows, SEMANTIC_SIZE), np.float32),
            np.zeros((rows, len(EMOTIONS)), np.float32),
            np.zeros(rows, np.bool_),
        )

    def select(self, rows: slice | list[int]) -> ClipRows:
        """These rows only, in this order."""
        return ClipRows(self.semantic[rows], self.emotion[rows], self.present[rows])

    def arrays(self) -> Arrays:
        """As plain arrays, for a cache."""
        return {"semantic": self.semantic, "emotion": self.emotion, "present": self.present}

    @staticmethod
    def from_arrays(arrays: Arrays) -> ClipRows:
        """Inverse of :meth:`arrays`."""
        return ClipRows(arrays["semantic"], arrays["emotion"], arrays["present"])


class LazyClip:
    """The CLIP encoder, loaded at its first use.

    Args:
        identity: names the weights; part of every cache key.
        load: makes the encoder.
    """

    def __init__(self, identity: str, load: Callable[[], ClipEncoder]) -> None:
        self.identity, self._load = identity, load
        self._encoder: ClipEncoder | None = None

    @staticmethod
    def find(encoder: ClipEncoder | None, weights: Path | None, device: str) -> LazyClip | None:
        """CLIP with the given encoder, else with the weights on this machine; None where there are none.

        Raises:
            CheckpointError: ``weights`` was given but does not exist.
        """
        if encoder is not None:
            return LazyClip(encoder.identity, lambda: encoder)
        found = find_weights(weights)
        if found is None:
            return None
        return LazyClip(weights_identity(found), lambda: load_encoder(found, device=device))

    def encoder(self) -> ClipEncoder:
        """The encoder; the first call loads it.

        Raises:
            CheckpointError: the weights cannot be used.
            SetupError: CLIP does not load on this machine.
        """
        self._encoder = self._encoder or self._load()
        return self._encoder

    def take_notes(self) -> list[str]:
        """What the encoder had to do otherwise since the last call; nothing before it is loaded."""
        return self._encoder.take_notes() if isinstance(self._encoder, ClipEncoder) else []


class ClipBatcher:
    """Collects one still a row and encodes them in batches.

    Args:
        rows: T, rows of the result.
        clip: the encoder; it is loaded when the first still is not in the cache.
        cache: where earlier calls left the rows of stills.
        report: called after every batch with the share of the rows that are done, 0..1.
    """

    def __init__(
        self,
        rows: int,
        clip: LazyClip,
        cache: ArrayCache = NO_CACHE,
        report: Callable[[float], None] = lambda share: None,
    ) -> None:
        self._rows = ClipRows.absent(rows)
        self._clip, self._cache, self._report = clip, cache, report
        self._waiting: list[tuple[int, UInt8Array]] = []

    def add(self, row: int, still: UInt8Array) -> None:
        """Take the still of one row, in any order; a row beyond the result is ignored."""
        if row < len(self._rows.present):
            self._waiting.append((row, still))
        if len(self._waiting) >= FLUSH:
            self._flush()

    def finish(self) -> ClipRows:
        """All rows; call it after the last :meth:`add`."""
        self._flush()
        return self._rows

    def _flush(self) -> None:
        if not self._waiting:
            return
        rows, stills = [row for row, _ in self._waiting], [still for _, still in self._waiting]
        kept, stands_for = group_alike(stills)
        semantic, emotion = self._encoded([stills[index] for index in kept])
        self._rows.semantic[rows], self._rows.emotion[rows] = semantic[stands_for], emotion[stands_for]
        self._rows.present[rows] = True
        self._waiting.clear()
        self._report(float(self._rows.present.mean()))

    def _encoded(self, stills: list[UInt8Array]) -> tuple[FloatArray, FloatArray]:
        """[n, 768] semantic and [n, 6] emotion of n stills, from the cache where it has them."""
        keys = [entry_key("still", self._clip.identity, _digest(still)) for still in stills]
        known = [self._cache.get(key) for key in keys]
        missing = [index for index, entry in enumerate(known) if entry is None]
        semantic = np.zeros((len(stills), SEMANTIC_SIZE), np.float32)
        emotion = np.zeros((len(stills), len(EMOTIONS)), np.float32)
        for index, entry in enumerate(known):
            if entry is not None:
                semantic[index], emotion[index] = entry["semantic"], entry["emotion"]
        if missing:
            semantic[missing], emotion[missing] = self._clip.encoder().encode([stills[index] for index in missing])
        for index in missing:
            self._cache.put(keys[index], {"semantic": semantic[index], "emotion": emotion[index]})
        return semantic, emotion


def _digest(still: UInt8Array) -> str:
    return hashlib.blake2b(np.ascontiguousarray(still).tobytes(), digest_size=20).hexdigest()
