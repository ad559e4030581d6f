"""Songs with a network's scores of their true chords, from which all figures are computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from v2m_bridge.amt.chord_network import ChordNetwork
from v2m_bridge.amt.conditioning import Conditioning
from v2m_bridge.amt.vocabulary import END_ID, PAD_ID
from v2m_bridge.training.judging.metrics import emotion_targets, ranks_of, song_hits
from v2m_bridge.training.songs.dataset import Song, padded_film

SONGS_AT_ONCE = 16


class ScoredSong:
    """A song with a network's log-probabilities [300, 159] of its targets.

    ``counted`` [300] marks the positions that count: all but padding and the first, which has no chord before it.
    """

    def __init__(self, song: Song, scores: Tensor) -> None:
        self.song = song
        self.scores = torch.log_softmax(scores, dim=-1)
        self.targets = torch.from_numpy(song.targets())
        self.inputs = torch.from_numpy(song.inputs())
        self.counted = self.targets != PAD_ID
        self.counted[0] = False

    def hits(self) -> tuple[Tensor, Tensor, Tensor]:
        """Hits [3] at 1, 3 and 5, three times: over all positions, over those where the chord changes, without END."""
        ranks = ranks_of(self.scores, self.targets)
        changes = self.counted & (self.inputs != self.targets)
        inner = self.counted & (self.targets != END_ID)
        return song_hits(ranks[self.counted]), song_hits(ranks[changes]), song_hits(ranks[inner])

    def nll(self) -> float:
        """Mean negative log-likelihood of the targets."""
        own = self.scores.gather(1, self.targets[:, None])[:, 0]
        return float(-own[self.counted].mean())


@torch.inference_mode()
def teacher_forced(network: ChordNetwork, songs: Sequence[Song], films: Sequence[Conditioning] = ()) -> list[Tensor]:
    """Scores [300, 159] of every song's targets, each given the true chords before it.

    Args:
        network: the network.
        songs: the songs.
        films: to be given instead of the songs' own.
    """
    films = films or [padded_film(song) for song in songs]
    found: list[Tensor] = []
    for start in range(0, len(songs), SONGS_AT_ONCE):
        some = slice(start, start + SONGS_AT_ONCE)
        cache, first = network.start(list(films[some]))
        heard = torch.from_numpy(np.stack([song.targets()[:-1] for song in songs[some]]))
        scores = torch.cat((first[:, None], network.extend(cache, heard)), dim=1)
        found.extend(scores.float().cpu().unbind())
    return found


def song_emotion_targets(song: Song) -> Tensor:
    """[300, 159] upstream's affective target of a song."""
    return emotion_targets(torch.from_numpy(padded_film(song).emotion), torch.from_numpy(song.targets()))
