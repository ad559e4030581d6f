"""What stays loaded from one score to the next: the networks, and the folders of media, weights and caches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from v2m_bridge.footage.clip.batcher import LazyClip
from v2m_bridge.footage.measure import MeasureOptions

if TYPE_CHECKING:
    from v2m_bridge.amt.alignment import AlignmentNetwork
    from v2m_bridge.amt.chord_network import ChordNetwork
    from v2m_bridge.amt.player.network import PlayerNetwork
    from v2m_bridge.timeline.model import Timeline


@dataclass(frozen=True)
class HarmonyNetworks:
    """The networks that write and choose the harmony of one score.

    Attributes:
        chords: chooses the chords.
        aligner: ranks the candidates; without one a single candidate is drawn.
        dynamics: weights of the dynamics network, None for the shipped ones.
    """

    chords: ChordNetwork
    aligner: AlignmentNetwork | None = None
    dynamics: Path | None = None


def _unchanged(timeline: Timeline) -> Timeline:
    return timeline


@dataclass
class Engine:
    """What is kept between scores: the loaded networks, and the folders of media, weights and caches.

    ``checkpoint`` is a chord network or a folder of networks; for what a folder lacks the shipped network is used.
    ``device`` is one of :data:`v2m_bridge.devices.DEVICES`, for the chord network and CLIP.
    ``screen`` gets every edit after it was read and before its media is opened; it may set media offline.
    """

    media_roots: Sequence[Path] = ()
    cache: Path | None = None
    clip_weights: Path | None = None
    checkpoint: Path | None = None
    device: str = "auto"
    screen: Callable[[Timeline], Timeline] = _unchanged
    _network: ChordNetwork | None = field(default=None, repr=False)
    _aligner: AlignmentNetwork | None = field(default=None, repr=False)
    _player: PlayerNetwork | None = field(default=None, repr=False)
    _clip: LazyClip | None = field(default=None, repr=False)

    def network(self) -> ChordNetwork:
        """The chord network, loaded at the first call."""
        if self._network is None:
            from v2m_bridge.amt.checkpoints import load_chord_network
            from v2m_bridge.devices import torch_device

            self._network = load_chord_network(self.checkpoint, torch_device(self.device))
        return self._network

    def aligner(self) -> AlignmentNetwork:
        """The network that ranks candidates, loaded at the first call."""
        if self._aligner is None:
            from v2m_bridge.amt.ranking import DEFAULT_ALIGNMENT, load_aligner

            self._aligner = load_aligner(self._own(DEFAULT_ALIGNMENT))
        return self._aligner

    def player(self) -> PlayerNetwork:
        """The network that writes themes and texture, loaded at the first call."""
        if self._player is None:
            from v2m_bridge.amt.player.weights import DEFAULT_PLAYER, load_player

            self._player = load_player(self._own(DEFAULT_PLAYER))
        return self._player

    def dynamics(self) -> Path | None:
        """The dynamics network of the checkpoint's folder, None for the shipped one."""
        from v2m_bridge.amt.checkpoints import DEFAULT_DYNAMICS

        return self._own(DEFAULT_DYNAMICS)

    def _own(self, name: str) -> Path | None:
        """A file of the checkpoint's folder, or None where the checkpoint is no folder or lacks it."""
        place = self.checkpoint / name if self.checkpoint else None
        return place if place is not None and place.is_file() else None

    def harmony_networks(self, candidates: int) -> HarmonyNetworks:
        """What harmonises a score of ``candidates`` candidates; a single one needs no ranking."""
        return HarmonyNetworks(self.network(), self.aligner() if candidates > 1 else None, self.dynamics())

    def measure_options(self) -> MeasureOptions:
        """How footage is measured. CLIP stays loaded as long as its weights are the same.

        Raises:
            CheckpointError: ``clip_weights`` was given but does not exist.
        """
        clip = LazyClip.find(None, self.clip_weights, self.device)
        if clip is None or self._clip is None or clip.identity != self._clip.identity:
            self._clip = clip
        return MeasureOptions(cache_folder=self.cache, clip_weights=self.clip_weights, lazy_clip=self._clip)
