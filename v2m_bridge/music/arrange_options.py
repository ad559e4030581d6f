"""What a user may ask of the arranger. Apart from it, so that ``--help`` need not load the arranger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from v2m_bridge.music.instruments import PRESETS, Role, parse_parts, parse_preset
from v2m_bridge.option_fields import Option


def _check_parts(parts: tuple[str, ...]) -> None:
    parse_parts(",".join(parts))


@dataclass(frozen=True)
class ArrangeOptions:
    """Who plays; ``mood``, ``affect`` (0..1, how much the mood colours register, dynamics and articulation) and
    ``seed`` (chooses among the figures) come from the direction of the score.
    """

    preset: Annotated[
        str | None,
        Option(
            f"Instrumentation: {', '.join(PRESETS)}; without it the mood chooses.",
            label="Instruments",
            choices=tuple(PRESETS),
            unset="From the mood",
            check=parse_preset,
        ),
    ] = None
    parts: Annotated[
        tuple[str, ...] | None,
        Option(
            f"Which parts to write: {', '.join(Role)}.",
            commas=True,
            choices=tuple(Role),
            unset="All",
            check=_check_parts,
            first=True,
        ),
    ] = None
    tail_s: Annotated[
        float,
        Option("Seconds the last chord may ring after the picture.", label="Ring on", unit="s", ge=0, le=30, step=0.5),
    ] = 0.0
    humanize: Annotated[
        float,
        Option(
            "How unevenly players play: 0 as written, 1 like people, up to 12 ms off the beat, never on a hit.",
            label="Human touch",
            ge=0,
            le=1,
            step=0.1,
        ),
    ] = 0.0
    mood: str | None = None
    affect: float = 1.0
    seed: int = 0

    def roles(self) -> tuple[Role, ...]:
        """The parts to write, in the order of the tracks.

        Raises:
            InputError: an unknown part.
        """
        return tuple(Role) if self.parts is None else parse_parts(",".join(self.parts))
