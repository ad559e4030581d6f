"""Training curves as an SVG picture, drawn without a plotting library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from v2m_bridge.training.fitting.loop import Epoch

_WIDTH, _HEIGHT, _MARGIN = 360, 200, 40
_COLOR = "#2060a0"


def write_curves(path: Path, parts: Mapping[str, Sequence[Epoch]]) -> None:
    """Draw one panel for each part and figure: the training loss and every validation figure, by epoch."""
    panels = [panel for part, epochs in parts.items() for panel in _panels(part, epochs)]
    columns = 3
    rows = -(-len(panels) // columns) or 1
    width, height = columns * _WIDTH, rows * _HEIGHT
    body = [
        f'<g transform="translate({index % columns * _WIDTH} {index // columns * _HEIGHT})">{panel}</g>'
        for index, panel in enumerate(panels)
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">'
    background = f'<rect width="{width}" height="{height}" fill="white"/>'
    path.write_text("\n".join((head, background, *body, "</svg>", "")), encoding="utf-8", newline="\n")


def _panels(part: str, epochs: Sequence[Epoch]) -> list[str]:
    if not epochs:
        return []
    series = {"training loss": [epoch.loss for epoch in epochs]}
    for name in epochs[0].validation:
        series[name] = [epoch.validation[name] for epoch in epochs]
    return [_panel(f"{part}: {name}", values) for name, values in series.items()]


def _panel(title: str, values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    span = high - low or 1.0
    inner_width, inner_height = _WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN
    points = []
    for index, value in enumerate(values):
        x = _MARGIN + inner_width * (index / max(1, len(values) - 1))
        y = _MARGIN + inner_height * (1 - (value - low) / span)
        points.append(f"{x:.1f},{y:.1f}")
    place = f'x="{_MARGIN}" y="{_MARGIN}" width="{inner_width}" height="{inner_height}"'
    frame = f'<rect {place} fill="none" stroke="#ccc"/>'
    line = f'<polyline fill="none" stroke="{_COLOR}" stroke-width="2" points="{" ".join(points)}"/>'
    texts = (
        _text(_MARGIN, _MARGIN - 12, f"{title}, last {values[-1]:.4f}", 13),
        _text(2, _MARGIN + 8, f"{high:.3g}", 10),
        _text(2, _HEIGHT - _MARGIN, f"{low:.3g}", 10),
        _text(_WIDTH - _MARGIN - 50, _HEIGHT - _MARGIN + 16, f"epoch {len(values)}", 10),
    )
    return frame + line + "".join(texts)


def _text(x: float, y: float, text: str, size: int) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}">{escape(text)}</text>'
