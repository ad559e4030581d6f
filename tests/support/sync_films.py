"""Made films for the tests of the tempo fit: their hits, and fits that have passed the independent check."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from fit_checker import check_fit
from hypothesis import strategies as st

from v2m_bridge.sync.document import fit_document
from v2m_bridge.sync.fit import fit_tempo
from v2m_bridge.sync.model import Fit, FitOptions, Lands
from v2m_bridge.timeline.hits import Hit, HitKind

RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60000, 1001)]


def make_hits(frames: Any, rate: Fraction, musts: Any = ()) -> list[Hit]:
    wanted = {int(f) for f in musts}
    return [Hit(int(f), Fraction(int(f)) / rate, HitKind.CUT, 1.0, int(f) in wanted) for f in sorted(set(frames))]


def random_cuts(seed: int, rate: Fraction, median_s: float, count: int) -> list[int]:
    """Cuts of log-normal shot lengths, as films have them."""
    rng = np.random.default_rng(seed)
    lengths = np.maximum(1, np.round(rng.lognormal(np.log(median_s), 0.8, count) * float(rate))).astype(int)
    return [int(f) for f in np.unique(np.cumsum(lengths))]


def fitted(hits: list[Hit], rate: Fraction, bpm: float | None = 120.0, **options: Any) -> Fit:
    """A fit whose document has passed the independent check."""
    end = max((hit.frame for hit in hits), default=0) + round(2 * rate)
    fit = fit_tempo(hits, end, rate, FitOptions(bpm=bpm, **options))
    limits = {key: options[key] for key in ("tempo_range", "max_step", "eighths") if key in options}
    check_fit(fit_document(fit).model_dump(mode="json", by_alias=True), rate, bpm, **limits)
    return fit


def landed_weight(fit: Fit) -> float:
    return sum(x.hit.weight for x in fit.landings if x.lands is not Lands.MISS)


film = st.tuples(
    st.integers(0, 10**6), st.sampled_from(RATES), st.sampled_from([0.3, 0.8, 1.5, 3.0, 6.0, 15.0]), st.integers(1, 50)
)
