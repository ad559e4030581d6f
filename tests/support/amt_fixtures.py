"""Small networks and films that the tests of chords, training and checkpoints share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from v2m_bridge.amt.chord_network import ChordNetwork
from v2m_bridge.amt.conditioning import Conditioning
from v2m_bridge.amt.decode_options import DecodeOptions
from v2m_bridge.amt.decoding import ChordSequence, decode_batch
from v2m_bridge.amt.network import BridgeNetwork, NetworkShape
from v2m_bridge.amt.original import OriginalNetwork, OriginalShape
from v2m_bridge.music.chords import N_CHORDS, Chord
from v2m_bridge.progress import Progress, silent

torch.set_num_threads(1)  # toy networks gain nothing from more, and lose much beside other work

SMALL = NetworkShape(width=24, layers=2, heads=2, inner=32, copies=2, video_width=8, dropout=0.1)
SMALL_ORIGINAL = OriginalShape(width=16, heads=2, inner=24, encoder_layers=1, decoder_layers=2)


def small_network(seed: int = 0, shape: NetworkShape = SMALL) -> BridgeNetwork:
    """Our network at toy size, every parameter random so that nothing is hidden by zeros."""
    torch.manual_seed(seed)
    network = BridgeNetwork(shape, f"small-{seed}")
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.2)
    return network.eval()


def small_original(seed: int = 0) -> OriginalNetwork:
    """The published network at toy size."""
    torch.manual_seed(seed)
    return OriginalNetwork(SMALL_ORIGINAL, f"original-{seed}").eval()


def decode_one(
    network: ChordNetwork, conditioning: Conditioning, options: DecodeOptions, progress: Progress = silent
) -> ChordSequence:
    """The chords of one film, decoded in a batch of its own."""
    return decode_batch(network, [conditioning], [options], progress)[0]


def film(n_slots: int, seed: int = 0, mood: str | None = None, minor: bool = False) -> Conditioning:
    """Random features, all present, a cut about every fifth slot."""
    random = np.random.default_rng(seed)
    present = np.ones(n_slots, dtype=np.bool_)
    return Conditioning(
        semantic=random.normal(size=(n_slots, 768)).astype(np.float32),
        emotion=random.dirichlet(np.ones(6), n_slots).astype(np.float32),
        motion=random.gamma(2.0, 4.0, n_slots).astype(np.float32),
        scene_offset=random.integers(0, 9, n_slots).astype(np.float32),
        semantic_present=present,
        emotion_present=present,
        motion_present=present,
        slots_left=np.arange(n_slots - 1, -1, -1),
        on_cut=random.random(n_slots) < 0.2,
        moods=(mood,) * n_slots,
        minor=minor,
    )


def write_songs(path: Path, splits: dict[str, int], seed: int = 0, seconds: tuple[int, int] = (40, 70)) -> None:
    """A file in MuVi-Sync's layout: songs that loop four chords, louder where the picture moves more."""
    random = np.random.default_rng(seed)
    names = [name for name, count in splits.items() for _ in range(count)]
    lengths = random.integers(*seconds, len(names))
    frames = lengths + random.integers(-1, 2, len(names))
    chords, motion = [], []
    for length, n_frames in zip(lengths, frames, strict=True):
        loop = np.repeat(random.choice([1, 53, 66, 92, 122], 4, replace=False), random.integers(1, 4))
        chords.append(np.resize(loop, length))
        motion.append(random.gamma(2.0, 4.0, n_frames))
    moving = [np.resize(part, length) for part, length in zip(motion, lengths, strict=True)]
    n_rows = int(frames.sum())
    labels = [Chord.from_id(index).label.removesuffix(":maj") for index in range(N_CHORDS)]
    np.savez(
        path,
        song_id=np.array([f"{index:03d}" for index in range(len(names))]),
        split=np.array(names),
        key_mode=np.array(["minor" if index % 3 == 0 else "major" for index in range(len(names))]),
        chord_labels=np.array(labels),
        n_chords=lengths.astype(np.int32),
        n_frames=frames.astype(np.int32),
        chord=np.concatenate(chords).astype(np.uint8),
        note_density=(5 + np.concatenate(moving) / 4).astype(np.float32),
        loudness=(0.1 + np.concatenate(moving) / 100).astype(np.float32),
        scene_offset=random.integers(0, 9, n_rows).astype(np.uint16),
        motion=np.concatenate(motion).astype(np.float32),
        emotion=random.dirichlet(np.full(6, 0.3), n_rows).astype(np.float16),
        semantic_q=random.integers(-127, 128, (n_rows, 768)).astype(np.int8),
        semantic_scale=np.full(768, 0.01, np.float32),
        semantic_offset=np.zeros(768, np.float32),
    )
