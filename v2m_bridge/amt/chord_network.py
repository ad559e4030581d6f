"""The interface between the decoder and a chord network; the published network and ours both implement it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from v2m_bridge.amt.conditioning import Conditioning


@dataclass
class Cache:
    """What a network keeps between steps: how many chords it was given, and fields of its own."""

    length: int


class ChordNetwork(Protocol):
    """A causal network over chords, conditioned on the film.

    Attributes:
        identity: name and content hash of the weights; goes into the score.
        context: most chords it may see at once.
    """

    identity: str
    context: int

    @abstractmethod
    def start(self, conditionings: list[Conditioning]) -> tuple[Cache, Tensor]:
        """Read up to ``context`` slots of B films of one length.

        Returns:
            A cache, and scores [B, 159] of the first slot's chord (log-probabilities up to a constant).
        """

    @abstractmethod
    def extend(self, cache: Cache, chords: Tensor) -> Tensor:
        """Append the chords [B, L] of the next L slots; returns scores [B, L, 159] of the slot after each."""
