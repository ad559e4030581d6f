"""Options that ``fit`` and ``score`` share: what counts as a hit, and how far the tempo may bend for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from v2m_bridge.timeline.hits import HitKind

HITS_PANEL = "What counts as a hit"
TEMPO_PANEL = "How the tempo follows the hits"

Must = Annotated[
    str,
    typer.Option("--must", help="Markers of this name have to land on a downbeat.", rich_help_panel=HITS_PANEL),
]
IgnoreColors = Annotated[
    list[str],
    typer.Option("--ignore-color", help="Markers of this colour are no hits. Repeatable.", rich_help_panel=HITS_PANEL),
]
Weights = Annotated[
    list[str],
    typer.Option(
        "--weight",
        help="Weight of a kind (cut, dissolve, wipe, fade, marker): dissolve=0.3; 0 switches it off. Repeatable.",
        rich_help_panel=HITS_PANEL,
    ),
]
Spacing = Annotated[
    float,
    typer.Option(
        "--min-spacing", help="Seconds; of two closer hits only the weightier counts.", rich_help_panel=HITS_PANEL
    ),
]
Cap = Annotated[
    float | None,
    typer.Option("--max-per-minute", help="At most so many hits in any minute.", rich_help_panel=HITS_PANEL),
]
MotionHits = Annotated[
    float,
    typer.Option(
        "--motion-hits",
        help="How much sudden movements bend the tempo, 0 to 1; never at the cost of a cut.",
        rich_help_panel=HITS_PANEL,
    ),
]
Range = Annotated[
    float,
    typer.Option(
        "--range", help="How far the tempo may leave the one asked for: 0.1 = 10 %.", rich_help_panel=TEMPO_PANEL
    ),
]
MaxStep = Annotated[
    float,
    typer.Option(
        "--max-step", help="Largest change from one tempo to the next; 0: constant.", rich_help_panel=TEMPO_PANEL
    ),
]
Tolerance = Annotated[
    float, typer.Option("--tolerance", help="Frames a hit may lie from its beat.", rich_help_panel=TEMPO_PANEL)
]
Eighths = Annotated[
    bool,
    typer.Option("--eighths/--no-eighths", help="Whether hits may land on eighths.", rich_help_panel=TEMPO_PANEL),
]
OddBars = Annotated[
    float,
    typer.Option(
        "--odd-bar-cost", help="Hit weight that a bar of 2, 3 or 5 beats must gain.", rich_help_panel=TEMPO_PANEL
    ),
]
Steadiness = Annotated[
    float,
    typer.Option("--steadiness", help="Hit weight given up to avoid one full tempo step.", rich_help_panel=TEMPO_PANEL),
]


def hit_weights(texts: list[str]) -> dict[HitKind, float]:
    """``kind=number`` texts as weights.

    Raises:
        InputError: an unknown kind, or no number.
    """
    from v2m_bridge.errors import InputError
    from v2m_bridge.timeline.hits import HitKind

    weights: dict[HitKind, float] = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            weights[HitKind(name.strip().lower())] = float(number)
        except ValueError:
            kinds = ", ".join(kind.value for kind in HitKind)
            raise InputError(f"--weight {text!r} is unknown", f"write it as kind=number, kinds: {kinds}") from None
    return weights
