"""The best tempi for a film side by side, as a composer compares them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from v2m_bridge.sync.auto import ranked_tempi
from v2m_bridge.sync.model import Fit, FitOptions, Lands
from v2m_bridge.sync.motion import fit_with_motion
from v2m_bridge.timeline.hits import Hit

NEAR_FRAMES = 2.0
"""A hit that misses the grid by no more than this is near: seen, but hardly felt as late."""
MOST_CANDIDATES = 5


@dataclass(frozen=True)
class TempoCandidate:
    """A tempo to ask for and what comes of it.

    Attributes:
        bpm: the tempo to ask for (``--tempo``), in quarter notes a minute.
        downbeats: hits on the first beat of a bar; ``beats`` on another beat, ``eighths`` between two beats.
        near: hits off the grid by at most ``NEAR_FRAMES``; ``missed`` those further off.
        min_bpm: lowest tempo of the map; ``max_bpm`` the highest.
        max_step: largest change of tempo from one point to the next, as a share.
        constant_bpm: the best constant tempo among those allowed around ``bpm``.
        constant_landed_share: weight that it lands, from 0 to 1.
        chosen: whether it is the one of the fit beside it.
    """

    bpm: float
    downbeats: int
    beats: int
    eighths: int
    near: int
    missed: int
    min_bpm: float
    max_bpm: float
    max_step: float
    constant_bpm: float
    constant_landed_share: float
    chosen: bool = False

    @property
    def landed(self) -> int:
        """Hits on the grid."""
        return self.downbeats + self.beats + self.eighths


def tempo_candidates(
    hits: Sequence[Hit], duration_frames: int, rate: Fraction, options: FitOptions, chosen: Fit
) -> tuple[TempoCandidate, ...]:
    """The chosen fit and the best others: most hits landed first, then most downbeats and beats, then the calmest map.

    Args:
        hits: as for :func:`v2m_bridge.sync.fit.fit_tempo`.
        options: as the fit had them; ``bpm`` does not limit the other tempi.
        chosen: the fit that was made of them.
    """
    ordered = sorted(hits, key=lambda hit: hit.frame)
    others = [bpm for bpm in ranked_tempi(ordered, rate, options) if bpm != chosen.requested_bpm]
    found = [candidate_of(chosen, chosen=True)]
    for bpm in others[: MOST_CANDIDATES - 1]:
        found.append(candidate_of(fit_with_motion(hits, duration_frames, rate, replace(options, bpm=bpm))))
    return tuple(sorted(found, key=lambda x: (-x.landed, -x.downbeats, -x.beats, x.max_step, not x.chosen)))


def candidate_of(fit: Fit, chosen: bool = False) -> TempoCandidate:
    """What is said of one fit."""
    lands = [landing.lands for landing in fit.landings]
    missed = [abs(x.error_frames) for x in fit.landings if x.lands is Lands.MISS]
    near = sum(error <= NEAR_FRAMES for error in missed)
    summary = fit.summary
    return TempoCandidate(
        bpm=fit.requested_bpm,
        downbeats=lands.count(Lands.DOWNBEAT),
        beats=lands.count(Lands.BEAT),
        eighths=lands.count(Lands.EIGHTH),
        near=near,
        missed=len(missed) - near,
        min_bpm=summary.min_bpm,
        max_bpm=summary.max_bpm,
        max_step=summary.max_step,
        constant_bpm=summary.constant_bpm,
        constant_landed_share=summary.constant_landed_share,
        chosen=chosen,
    )
