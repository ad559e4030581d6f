"""What a user may ask of the chords, and what the decoder takes; without torch, so that ``--help`` is fast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from v2m_bridge.music.locks import parse_locks, parse_primer
from v2m_bridge.option_fields import Option


@dataclass(frozen=True)
class HarmonyOptions:
    """Where chords stand, how many scores are drawn, and chords the user gives as symbols in the score's key."""

    candidates: Annotated[
        int, Option("Scores to choose from, by how they follow the film.", ge=1, le=64, label="Scores to choose from")
    ] = 8
    harmonic_rhythm_s: Annotated[
        float,
        Option(
            "About how many seconds a chord lasts at least.", label="Chord length", unit="s", ge=0.25, le=16, step=0.25
        ),
    ] = 1.0
    primer: Annotated[
        str | None,
        Option('Chords to begin with: "C Am F G".', label="Begin with", example="C Am F G", check=parse_primer),
    ] = None
    locks: Annotated[
        tuple[str, ...],
        Option(
            "Hold a chord at a time in seconds: 12.5=Dm7.",
            flag="--lock",
            label="Chords at a time",
            example="12.5=Dm7",
            check=parse_locks,
        ),
    ] = ()


@dataclass(frozen=True)
class DecodeOptions:
    """How chords are chosen.

    Attributes:
        seed: of the random draws.
        affect: how strongly moods and measured emotions favour chords that suit them; at 0 a mood changes nothing.
        allow_no_chord: whether N (silence) may be chosen.
        longest_run: most slots a chord may last, or None for no limit.
        longest_alternation: most chords in a row in which two alternate, or None for no limit.
        key_strength: cost (log odds) of every tone foreign to the key.
        locked: slot -> chord id (in C major / A minor) that must stand there.
        primer: chord ids of the first slots.
        end: whether the last slot favours the tonic.
        few_seesaws: whether going back to the chord before the last one costs.

    ``temperature`` may be 0 here: the likeliest chord is taken.
    """

    temperature: Annotated[
        float,
        Option("How adventurous the chords are: 1 as the network learnt, less is safer.", gt=0, le=3, step=0.1),
    ] = 1.0
    top_p: Annotated[
        float,
        Option(
            "Only the likeliest chords that together hold this probability are drawn.",
            label="Share of chords drawn from",
            gt=0,
            le=1,
            step=0.01,
        ),
    ] = 0.97
    change_at_cut: Annotated[
        float,
        Option("How strongly chords change on cuts; 0 is off.", label="Chords change on cuts", ge=0, le=10, step=0.25),
    ] = 2.0
    seed: int = 0
    affect: float = 1.0
    allow_no_chord: bool = False
    longest_run: int | None = 6
    longest_alternation: int | None = 4
    key_strength: float = 0.5
    locked: Mapping[int, int] = field(default_factory=dict)
    primer: tuple[int, ...] = ()
    end: bool = True
    few_seesaws: bool = True
