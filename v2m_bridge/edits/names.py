"""What the names in an edit tell: whether a clip is a media file, and of what kind a transition is."""

from __future__ import annotations

from v2m_bridge.timeline.model import CutKind

MAX_NAME = 500
"""Longest name or message in characters."""

NAMELESS_FILE = "timeline"
"""Name of a file, without its suffix, whose edit came without one; it is not shown."""

MEDIA_SUFFIXES = frozenset(
    ".mov .mp4 .m4v .mxf .mkv .webm .avi .mts .m2ts .mpg .mpeg .wmv .r3d .braw .ari .arx .dng .exr .dpx .tif .tiff "  # noqa: SIM905
    ".jpg .jpeg .png .tga .psd .gif .bmp .svg .heic .crm .nev .cine .mlv .ts .3gp .ogv .flv .y4m .dv".split()
)

_WIPES = ("wipe", "slide", "push", "iris", "clock", "barn", "split", "page", "spin", "curtain", "diamond", "heart")
_FADES = ("dip", "fade to", "fade in", "fade out", "fade from", "through black", "to color", "to colour")


def clean(text: str) -> str:
    """Names come from other people's files: make one line of printable text, cut to :data:`MAX_NAME` characters."""
    if len(text) <= MAX_NAME and text.isprintable() and "  " not in text and text == text.strip():
        return text
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 2 * MAX_NAME]).split())
    return line if len(line) <= MAX_NAME else line[: MAX_NAME - 1] + "…"


def looks_like_media(name: str) -> bool:
    """Whether a clip's name is that of a media file: then the clip is offline rather than a title."""
    return "." in name and "." + name.rsplit(".", 1)[1].lower() in MEDIA_SUFFIXES


def transition_kind(*names: str) -> CutKind:
    """Dissolve, wipe or fade, from the names that the host gives the transition."""
    text = " ".join(names).lower().replace("_", " ")
    if any(word in text for word in _WIPES):
        return CutKind.WIPE
    return CutKind.FADE if any(word in text for word in _FADES) else CutKind.DISSOLVE
