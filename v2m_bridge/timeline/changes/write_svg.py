"""The old cut above the new one, with a band from every kept stretch to where it is now."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from v2m_bridge.timeline.changes.model import CutChanges, KeptSegment
from v2m_bridge.timeline.model import Timeline

WIDTH, ROW, GAP, MARGIN = 1200.0, 36.0, 130.0, 16.0
UNMOVED, EARLIER, LATER, RETIMED = "#7f8c8d", "#2980b9", "#e67e22", "#8e44ad"
NEW, GONE = "#27ae60", "#c0392b"
_KEY = (("stays", UNMOVED), ("earlier", EARLIER), ("later", LATER), ("retimed", RETIMED), ("new", NEW), ("gone", GONE))


def changes_svg(changes: CutChanges, old: Timeline, new: Timeline) -> str:
    """One picture, 1232 units wide; both cuts on one scale of time."""
    frames = max(changes.old_frames, changes.new_frames, 1)
    scale = WIDTH / frames
    top, bottom = MARGIN + 20, MARGIN + 20 + ROW + GAP
    height = bottom + ROW + 44
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 2 * MARGIN:g} {height:g}" '
        'font-family="sans-serif" font-size="12">',
        f'<text x="{MARGIN:g}" y="{MARGIN + 10:g}">{escape(old.name)}, {old.timecode(0)}</text>',
        f'<text x="{MARGIN:g}" y="{bottom + ROW + 16:g}">{escape(new.name)}, {new.timecode(0)}</text>',
        _row(old, changes.old_frames, top, GONE, scale),
        _row(new, changes.new_frames, bottom, NEW, scale),
        *(_band(s, top, bottom, scale) for s in changes.segments),
        *_ticks(old, top, scale),
        *_ticks(new, bottom, scale),
        *_legend(height - 10),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def write_changes_svg(changes: CutChanges, old: Timeline, new: Timeline, path: Path) -> None:
    """Write the picture as UTF-8."""
    path.write_text(changes_svg(changes, old, new), encoding="utf-8", newline="\n")


def color_of(segment: KeptSegment) -> str:
    """By where the stretch went."""
    if segment.retimed:
        return RETIMED
    if segment.shift_frames == 0:
        return UNMOVED
    return EARLIER if segment.shift_frames < 0 else LATER


def _row(cut: Timeline, frames: int, y: float, color: str, scale: float) -> str:
    return (
        f'<rect x="{MARGIN:g}" y="{y:g}" width="{frames * scale:.2f}" height="{ROW:g}" fill="{color}">'
        f"<title>{escape(cut.name)}</title></rect>"
    )


def _band(s: KeptSegment, top: float, bottom: float, scale: float) -> str:
    a, b, c, d = (MARGIN + f * scale for f in (s.old_start, s.old_end, s.new_end, s.new_start))
    color = color_of(s)
    boxes = "".join(
        f'<rect x="{x:.2f}" y="{y:g}" width="{w:.2f}" height="{ROW:g}" fill="{color}"/>'
        for x, y, w in ((a, top, b - a), (d, bottom, c - d))
    )
    title = f"{s.old_start}-{s.old_end} is now {s.new_start}-{s.new_end}"
    path = f"M{a:.2f} {top + ROW:g} L{b:.2f} {top + ROW:g} L{c:.2f} {bottom:g} L{d:.2f} {bottom:g} Z"
    return f'<g>{boxes}<path d="{path}" fill="{color}" fill-opacity="0.35"><title>{title}</title></path></g>'


def _ticks(cut: Timeline, y: float, scale: float) -> Iterator[str]:
    for c in cut.cuts:
        x = MARGIN + c.frame * scale
        yield f'<line x1="{x:.2f}" y1="{y:g}" x2="{x:.2f}" y2="{y + ROW:g}" stroke="#fff" stroke-width="0.6"/>'


def _legend(y: float) -> Iterator[str]:
    for n, (name, color) in enumerate(_KEY):
        x = MARGIN + n * 90
        yield f'<rect x="{x:g}" y="{y - 10:g}" width="10" height="10" fill="{color}"/>'
        yield f'<text x="{x + 14:g}" y="{y:g}">{name}</text>'
