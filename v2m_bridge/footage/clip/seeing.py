"""Looks at stills with CLIP as they come: in batches, alike ones once, and never twice what a cache remembers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from v2m_bridge.footage.cache import Arrays, FeatureCache, entry_key
from v2m_bridge.footage.clip.encoder import BATCH, ClipEncoder, find_weights, load_encoder, weights_identity
from v2m_bridge.footage.model import SEMANTIC_SIZE, BoolArray, FloatArray
from v2m_bridge.footage.passes.stills import group_alike
from v2m_bridge.footage.video.trace import UInt8Array
from v2m_bridge.music.emotions import EMOTIONS

FLUSH = 2 * BATCH
"""Stills held back until they are encoded together."""


@dataclass(frozen=True)
class Seen:
    """CLIP's rows: semantic [T, 768] and emotion [T, 6], zeros where ``present`` [T] is False."""

    semantic: FloatArray
    emotion: FloatArray
    present: BoolArray

    @staticmethod
    def nothing(rows: int) -> Seen:
        """T absent rows."""
        return Seen(
            np.zeros((rows, SEMANTIC_SIZE), np.float32),
            np.zeros((rows, len(EMOTIONS)), np.float32),
            np.zeros(rows, np.bool_),
        )

    def arrays(self) -> Arrays:
        """As plain arrays, for a cache."""
        return {"semantic": self.semantic, "emotion": self.emotion, "present": self.present}


class Eye:
    """CLIP, loaded when it is first needed.

    Args:
        identity: names the weights.
        load: makes the encoder.
    """

    def __init__(self, identity: str, load: Callable[[], ClipEncoder]) -> None:
        self.identity, self._load = identity, load
        self._encoder: ClipEncoder | None = None

    @staticmethod
    def find(encoder: ClipEncoder | None, weights: Path | None, device: str) -> Eye | None:
        """An eye with the given encoder, or with the weights on this machine; None where there are none.

        Raises:
            CheckpointError: ``weights`` was given but does not exist.
        """
        if encoder is not None:
            return Eye(encoder.identity, lambda: encoder)
        found = find_weights(weights)
        if found is None:
            return None
        return Eye(weights_identity(found), lambda: load_encoder(found, device=device))

    def encoder(self) -> ClipEncoder:
        """The encoder.

        Raises:
            CheckpointError: the weights cannot be used.
            SetupError: CLIP does not load on this machine.
        """
        self._encoder = self._encoder or self._load()
        return self._encoder


class Sight:
    """Collects stills with their rows and encodes them.

    Args:
        rows: T, rows of the result.
        eye: what to look with; loaded when the first still has to be encoded.
        report: called with the share of the rows that are done.
    """

    def __init__(
        self,
        rows: int,
        eye: Eye,
        cache: FeatureCache | None = None,
        report: Callable[[float], None] = lambda share: None,
    ) -> None:
        self.seen = Seen.nothing(rows)
        self._eye, self._cache, self._report = eye, cache, report
        self._waiting: list[tuple[int, UInt8Array]] = []

    def add(self, row: int, still: UInt8Array) -> None:
        """Take the still of one row; rows may come in any order."""
        if row < len(self.seen.present):
            self._waiting.append((row, still))
        if len(self._waiting) >= FLUSH:
            self._flush()

    def finish(self) -> Seen:
        """Everything, once all stills were added."""
        self._flush()
        return self.seen

    def _flush(self) -> None:
        if not self._waiting:
            return
        rows, stills = [row for row, _ in self._waiting], [still for _, still in self._waiting]
        kept, stands_for = group_alike(stills)
        semantic, emotion = self._encoded([stills[index] for index in kept])
        self.seen.semantic[rows], self.seen.emotion[rows] = semantic[stands_for], emotion[stands_for]
        self.seen.present[rows] = True
        self._waiting.clear()
        self._report(float(self.seen.present.mean()))

    def _encoded(self, stills: list[UInt8Array]) -> tuple[FloatArray, FloatArray]:
        keys = [entry_key("still", self._eye.identity, _digest(still)) for still in stills]
        known = [self._cache.get(key) if self._cache is not None else None for key in keys]
        missing = [index for index, entry in enumerate(known) if entry is None]
        semantic = np.zeros((len(stills), SEMANTIC_SIZE), np.float32)
        emotion = np.zeros((len(stills), len(EMOTIONS)), np.float32)
        for index, entry in enumerate(known):
            if entry is not None:
                semantic[index], emotion[index] = entry["semantic"], entry["emotion"]
        if missing:
            semantic[missing], emotion[missing] = self._eye.encoder().encode([stills[index] for index in missing])
        if self._cache is not None:
            for index in missing:
                self._cache.put(keys[index], {"semantic": semantic[index], "emotion": emotion[index]})
        return semantic, emotion


def _digest(still: UInt8Array) -> str:
    return hashlib.blake2b(np.ascontiguousarray(still).tobytes(), digest_size=20).hexdigest()
