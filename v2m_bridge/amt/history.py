"""Features of the chords so far that help to guess the next one: run lengths, the pulse of the changes, repetitions.

Every feature at step i depends on tokens 0..i alone and is updated token by token, so that training, prefill and single
steps share this one implementation.

* Runs: how many slots the present chord has lasted, and how many the two chords before it lasted.
* Pulse: chord changes recur with the bar. For a fixed grid of frequencies, the sum of the past changes as phasors is
  rotated to the next slot; its real part is large where the next slot lies on that pulse.
* Follows: for every earlier slot j, how many slots before j agree with the last slots up to now (``exact``), and how
  many chords agree when durations are ignored (``loose``). The chord at j is then a proposal for the next one.
* Likeness (``alike``): the same comparison, which forgives single differences. A song's tempo does not fit the grid of
  slots, so a repeated passage changes chords one slot earlier or later here and there, and a transcription takes one
  quality for another. A slot of agreement counts 1; it counts half where only the root or only a neighbouring slot
  agrees. The sum fades at four speeds. A fifth sum lets the distance drift by a slot; a sixth compares the rhythm
  alone (both slots begin a chord, or neither does).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from v2m_bridge.amt.vocabulary import PAD_ID, token_roots

PULSE_FREQUENCIES = tuple(0.05 + 0.01 * index for index in range(46))
"""Changes per slot, 0.05 to 0.5 (two slots, the fastest that slots can show)."""

PULSE_DECAY = 0.98
"""Share of the pulse kept per slot: a memory of about 50 slots."""

LONGEST_RUN = 15
"""Runs longer than this count as this long."""

ALIKE_KEPT = (0.8, 0.9, 0.95, 0.98)
"""Share of the likeness kept per slot: memories of about 5, 10, 20 and 50 slots."""

DRIFT_KEPT, RHYTHM_KEPT = 0.9, 0.95
"""The same for the sum whose distance may drift, and for the rhythm alone."""

LIKENESS_KEPT = (*ALIKE_KEPT, DRIFT_KEPT, RHYTHM_KEPT)
DRIFT_PRICE = 0.9
"""Share of a likeness that is kept when its distance changes by a slot."""

ALIKE_HALF = 0.5
"""What a slot of agreement counts where only the root or only a neighbouring slot agrees."""

ALIKE_SCALE = 8.0
"""Complete likeness as the attention sees it."""

FOLLOW_FEATURES = 9 + len(LIKENESS_KEPT)
"""15, features that :meth:`HistoryFeatures.follow_features` gives of every earlier slot."""


@dataclass(frozen=True)
class HistoryFeatures:
    """History features of L consecutive tokens; ``keys`` counts all tokens up to the last of them.

    Attributes:
        runs: [B, L, 3] lengths in slots of the present run and of the two before it, 0..15.
        recent: [B, L, 4] the present token and the three before it.
        chords: [B, L, 3] the present chord and the two different ones before it, however long they were.
        pulse: [B, L, 2 * frequencies + 1] real parts, imaginary parts, and how many changes there were lately.
        exact, loose: [B, L, keys] uint8, as the module says; columns after the token's own are 0.
        same_run: [B, L, keys] bool, whether the run at slot j - 1 had lasted as long as the present one has.
        alike: [B, L, keys, 6] uint8, 255 for complete likeness, one for each of ``LIKENESS_KEPT``.
    """

    runs: Tensor
    recent: Tensor
    chords: Tensor
    pulse: Tensor
    exact: Tensor
    loose: Tensor
    same_run: Tensor
    alike: Tensor

    def follow_features(self, kind: torch.dtype = torch.float32) -> Tensor:
        """[B, 15, L, keys] match lengths and likeness as inputs of the attention bias, in the precision ``kind``."""
        exact, loose = self.exact.to(kind), self.loose.to(kind)
        return torch.stack(
            (
                torch.log1p(exact) / math.log(16),
                (exact >= 2).to(kind),
                (exact >= 4).to(kind),
                (exact >= 8).to(kind),
                (exact >= 16).to(kind),
                torch.log1p(loose) / math.log(8),
                (loose >= 2).to(kind),
                (loose >= 4).to(kind),
                self.same_run.to(kind),
                *(self.alike.to(kind) * (ALIKE_SCALE / 255)).unbind(dim=-1),
            ),
            dim=1,
        )


class History:
    """Computes :class:`HistoryFeatures` token by token, for B songs of at most ``capacity`` tokens."""

    def __init__(self, batch: int, capacity: int, device: torch.device | str = "cpu") -> None:
        self.length = 0
        self.capacity = capacity
        self._padded = torch.full((batch, 3 + capacity), PAD_ID, dtype=torch.long, device=device)
        self.ids = self._padded[:, 3:]
        self._run_at = torch.zeros((batch, capacity), dtype=torch.long, device=device)
        self._start_at = torch.zeros((batch, capacity), dtype=torch.long, device=device)
        self._runs = torch.zeros((batch, 3), dtype=torch.long, device=device)
        self._one_more = torch.tensor([1, 0, 0], device=device)
        self._exact = torch.zeros((batch, capacity), dtype=torch.long, device=device)
        self._loose = torch.zeros((batch, capacity), dtype=torch.long, device=device)
        self._alike = torch.zeros((batch, capacity, len(LIKENESS_KEPT)), device=device)
        self._changed = torch.zeros((batch, capacity), dtype=torch.bool, device=device)
        self._kept = torch.tensor(LIKENESS_KEPT, device=device)
        self._to_byte = 255 * (1 - self._kept)
        self._roots = torch.tensor(token_roots(), device=device)
        frequencies = torch.tensor(PULSE_FREQUENCIES, device=device, dtype=torch.float32)
        self._turn = torch.polar(torch.ones_like(frequencies), 2 * math.pi * frequencies)
        self._phasor = torch.zeros((batch, len(PULSE_FREQUENCIES)), dtype=torch.complex64, device=device)
        self._changes = torch.zeros((batch, 1), device=device)

    def push(self, ids: Tensor) -> HistoryFeatures:
        """Append the next tokens [B, L] and return their features.

        Raises:
            ValueError: there are more tokens than ``capacity``.
        """
        steps = [self._push_one(ids[:, index]) for index in range(ids.shape[1])]
        keys = self.length
        stacked = [torch.stack([step[part] for step in steps], dim=1) for part in range(8)]
        runs, recent, chords, pulse, *square = stacked
        exact, loose, same, alike = (part[:, :, :keys] for part in square)
        return HistoryFeatures(runs, recent, chords, pulse, exact, loose, same, alike)

    def _push_one(self, token: Tensor) -> tuple[Tensor, ...]:
        now = self.length
        if now >= self.capacity:
            raise ValueError(f"history holds at most {self.capacity} tokens")
        changed = token != self.ids[:, now - 1] if now else torch.ones_like(token, dtype=torch.bool)
        self.ids[:, now] = token
        self._update_runs(now, changed)
        pulse = self._update_pulse(changed)
        same = self._update_follows(now, token, changed)
        self._update_alike(now, token, changed)
        self.length = now + 1
        recent = self._padded[:, now : now + 4].flip(1)
        ends = torch.cat((torch.zeros_like(self._runs[:, :1]), self._runs[:, :2].cumsum(dim=1)), dim=1)
        chords = torch.where(ends <= now, self.ids.gather(1, (now - ends).clamp(min=0)), PAD_ID)
        exact, loose = (part.clamp(max=255).to(torch.uint8) for part in (self._exact, self._loose))
        alike = (self._alike * self._to_byte).round().to(torch.uint8)
        return self._runs.clamp(max=LONGEST_RUN), recent, chords, pulse, exact, loose, same, alike

    def _update_runs(self, now: int, changed: Tensor) -> None:
        longer = self._runs + self._one_more
        fresh = torch.cat((torch.ones_like(longer[:, :1]), self._runs[:, :2]), dim=1)
        self._runs = torch.where(changed[:, None], fresh, longer)
        self._run_at[:, now] = self._runs[:, 0]
        self._start_at[:, now] = now + 1 - self._runs[:, 0]

    def _update_pulse(self, changed: Tensor) -> Tensor:
        """[B, 2 * frequencies + 1]; rotates the sum of past changes by one slot, so that it refers to the next one."""
        self._phasor = (self._phasor * PULSE_DECAY + changed[:, None]) * self._turn
        self._changes = self._changes * PULSE_DECAY + changed[:, None]
        pulse = self._phasor / self._changes.clamp(min=1.0)
        return torch.cat((pulse.real, pulse.imag, self._changes / 20.0), dim=1)

    def _update_follows(self, now: int, token: Tensor, changed: Tensor) -> Tensor:
        """Compare in column j the tokens up to now with those up to j - 1; returns ``same_run`` [B, capacity]."""
        before = self.ids[:, :now]
        equal = before == token[:, None]
        exact = torch.zeros_like(self._exact)
        loose = torch.zeros_like(self._loose)
        same = torch.zeros_like(self._exact, dtype=torch.bool)
        if now:
            exact[:, 1 : now + 1] = torch.where(equal, self._exact[:, :now] + 1, 0)
            grown = self._loose.gather(1, self._start_at[:, :now]) + 1
            kept = self._loose[:, 1 : now + 1]
            loose[:, 1 : now + 1] = torch.where(equal, torch.where(changed[:, None], grown, kept), 0)
            same[:, 1 : now + 1] = equal & (self._run_at[:, :now] == self._runs[:, :1])
        self._exact, self._loose = exact, loose
        return same

    def _update_alike(self, now: int, token: Tensor, changed: Tensor) -> None:
        """The same comparison with a fading sum of agreements in place of an unbroken count."""
        self._changed[:, now] = changed
        before = self._alike
        self._alike = torch.zeros_like(before)
        if not now:
            return
        near = self._agreement(now, token)
        same_rhythm = self._changed[:, :now] == changed[:, None]
        drifting = before[:, :, -2]
        later = drifting[:, 1 : now + 1]
        sooner = F.pad(drifting[:, : now - 1], (1, 0))
        kept = before[:, :now].clone()
        kept[:, :, -2] = kept[:, :, -2].maximum(DRIFT_PRICE * later.maximum(sooner))
        agreed = torch.stack((*[near] * (len(ALIKE_KEPT) + 1), same_rhythm.float()), dim=-1)
        self._alike[:, 1 : now + 1] = kept * self._kept + agreed

    def _agreement(self, now: int, token: Tensor) -> Tensor:
        """[B, now] agreement of the present token with each earlier slot, 0..1; half for its root or its neighbour."""
        ids = self.ids[:, : now + 1]
        same_root = self._roots[ids] == self._roots[token][:, None]
        equal = (ids == token[:, None]).float().maximum(ALIKE_HALF * same_root)
        neighbour = F.pad(equal[:, : now - 1], (1, 0)).maximum(equal[:, 1:])
        return equal[:, :now].maximum(ALIKE_HALF * neighbour)
