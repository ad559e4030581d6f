"""Pictures of a fit: an SVG of the tempo, the hits and where they land, and one line of text for terminals."""

from __future__ import annotations

from html import escape

from v2m_bridge.sync.model import Fit, Lands

WIDTH, HEIGHT = 1200, 320
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 34, 44
COLOURS = {Lands.DOWNBEAT: "#1b7f4b", Lands.BEAT: "#2b6cb0", Lands.EIGHTH: "#b7791f", Lands.MISS: "#c53030"}
"""Colours of the hit lines; dash and length differ too, for readers who cannot tell the colours apart."""
DASHES = {Lands.DOWNBEAT: "", Lands.BEAT: "", Lands.EIGHTH: "4 3", Lands.MISS: "1 4"}
LEVELS = "▁▂▃▄▅▆▇█"


def curve_svg(fit: Fit, duration_s: float, title: str = "") -> str:
    """An SVG picture: the tempo over time, its limits, and one line for each hit.

    Args:
        fit: what to draw.
        duration_s: length of the timeline in seconds.
        title: any text, shown at the top.
    """
    low, high = _limits(fit)
    span = max(high - low, 1e-9)

    def x(seconds: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(max(seconds / max(duration_s, 1e-9), 0.0), 1.0)

    def y(bpm: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (bpm - low) / span)

    lines = [_hit_line(x(float(hit.hit.seconds)), hit.lands, hit.hit.must) for hit in fit.landings]
    path = [f"M {x(0):.2f} {y(fit.tempo_map.points[0].bpm):.2f}"]
    for point in fit.tempo_map.points[1:]:
        path.append(f"H {x(point.seconds):.2f} V {y(point.bpm):.2f}")
    path.append(f"H {x(duration_s):.2f}")
    summary = fit.summary
    figures = (
        f"{summary.landed} of {summary.hits} hits land, {summary.min_bpm:.1f} to {summary.max_bpm:.1f} bpm, "
        f"largest step {summary.max_step:.1%}; best constant tempo lands {summary.constant_landed_share:.0%}"
    )
    ticks = [low, fit.requested_bpm, high]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            'font-family="sans-serif" font-size="12">',
            f"<title>{escape(title or 'Tempo')}: {figures}</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
            f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
            *_legend(fit),
            *(_tempo_tick(y(bpm), bpm) for bpm in ticks),
            f'<text x="{LEFT - 6}" y="20" text-anchor="end" fill="#4a5568">bpm</text>',
            *lines,
            f'<path d="{" ".join(path)}" fill="none" stroke="#1a202c" stroke-width="2"/>',
            *(_time_tick(x(s), s) for s in _round_times(duration_s)),
            f'<text x="{LEFT}" y="{HEIGHT - 8}" fill="#4a5568">{figures}</text>',
            "</svg>\n",
        ]
    )


def _limits(fit: Fit) -> tuple[float, float]:
    """Lowest and highest tempo to draw."""
    reach = fit.options.tempo_range
    low = min(fit.requested_bpm * (1 - reach), fit.summary.min_bpm)
    return low, max(fit.requested_bpm * (1 + reach), fit.summary.max_bpm)


def _hit_line(x: float, lands: Lands, must: bool) -> str:
    """A vertical line at the hit; a missed hit has a cross on top."""
    top = TOP if lands is Lands.DOWNBEAT else TOP + 24
    dash = f' stroke-dasharray="{DASHES[lands]}"' if DASHES[lands] else ""
    width = 3 if must else 1
    line = (
        f'<line x1="{x:.2f}" x2="{x:.2f}" y1="{top}" y2="{HEIGHT - BOTTOM}" '
        f'stroke="{COLOURS[lands]}" stroke-width="{width}" opacity="0.7"{dash}/>'
    )
    return line + (_cross(x, top) if lands is Lands.MISS else "")


def _cross(x: float, y: float) -> str:
    return (
        f'<path d="M {x - 4:.2f} {y - 4:.2f} l 8 8 m 0 -8 l -8 8" fill="none" '
        f'stroke="{COLOURS[Lands.MISS]}" stroke-width="2"/>'
    )


def _tempo_tick(y: float, bpm: float) -> str:
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.2f}" y2="{y:.2f}" stroke="#cbd5e0"/>'
        f'<text x="{LEFT - 6}" y="{y + 4:.2f}" text-anchor="end" fill="#4a5568">{bpm:.0f}</text>'
    )


def _time_tick(x: float, seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f'<text x="{x:.2f}" y="{HEIGHT - 28}" text-anchor="middle" fill="#4a5568">{minutes}:{rest:02d}</text>'


def _round_times(duration_s: float) -> list[float]:
    """Round times for the axis, about ten."""
    step = next((s for s in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200) if duration_s / s <= 14), 3600)
    return [k * float(step) for k in range(int(duration_s / step) + 1)]


def _legend(fit: Fit) -> list[str]:
    """What the lines mean, at the top right; only kinds of line that the picture has."""
    kinds = [lands for lands in Lands if any(x.lands is lands for x in fit.landings)]
    samples = [(lands.value, COLOURS[lands], DASHES[lands], 1) for lands in kinds]
    if any(x.hit.must for x in fit.landings):
        samples.append(("must-hit", "#4a5568", "", 3))
    parts = []
    for place, (name, colour, dash, width) in enumerate(reversed(samples)):
        x = WIDTH - RIGHT - 90 * (place + 1)
        parts.append(
            f'<path d="M {x} 16 h 24" stroke="{colour}" stroke-width="{width + 1}" stroke-dasharray="{dash}"/>'
            f'<text x="{x + 30}" y="20" fill="#4a5568">{name}</text>'
        )
    return parts


def curve_line(fit: Fit, duration_s: float, width: int = 72) -> str:
    """The tempo over time as one line of block characters, scaled from the lowest to the highest allowed tempo."""
    low, high = _limits(fit)
    marks = []
    for k in range(width):
        bpm = fit.tempo_map.bpm_at_seconds(duration_s * (k + 0.5) / width)
        level = (bpm - low) / max(high - low, 1e-9) * (len(LEVELS) - 1)
        marks.append(LEVELS[min(max(round(level), 0), len(LEVELS) - 1)])
    return "".join(marks)
