"""What Resolve's scripting objects answer, in our terms: rates, switches, opacity, transitions, markers.

Most getters exist in every version, but any may be missing, so each is asked for rather than called.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from v2m_bridge.edits.names import clean
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Marker
from v2m_bridge.timing.rates import exact_rate


def ask(target: Any, method: str, *arguments: Any) -> Any:
    """``target.method(...)``; None when there is no such method or Resolve refused with False."""
    call = getattr(target, method, None) if target is not None else None
    if not callable(call):
        return None
    result = call(*arguments)
    return None if result is False else result


def is_off(target: Any, method: str, *arguments: Any) -> bool:
    """Whether the getter of a switch says False; where there is no such getter, everything is on."""
    call = getattr(target, method, None)
    return callable(call) and call(*arguments) is False


def frame_rate(timeline: Any) -> tuple[Fraction, bool]:
    """Exact rate of a timeline and whether its timecode drops frames.

    The setting is text or a number, with or without ``DF``; drop frame is also a setting of its own and shows in the
    start timecode.

    Raises:
        InputError: Resolve does not tell the rate.
    """
    rate = _setting(timeline, "timelineFrameRate")
    if rate in (None, ""):
        raise InputError("Resolve does not tell the timeline's frame rate", "export it as OTIO instead")
    text = str(rate)
    drop = text.upper().rstrip().endswith("DF") and not text.upper().rstrip().endswith("NDF")
    drop = drop or str(_setting(timeline, "timelineDropFrameTimecode")) == "1"
    drop = drop or ";" in str(ask(timeline, "GetStartTimecode") or "")
    return exact_rate(text), drop


def _setting(timeline: Any, key: str) -> Any:
    value = ask(timeline, "GetSetting", key)
    if value in (None, ""):
        value = (ask(timeline, "GetSettings") or {}).get(key)
    return value


def is_transition(item: Any) -> bool:
    """Whether an item of a track is a transition: 21.1 says so; before, only those have no media and no properties."""
    kind = ask(item, "GetType")
    if isinstance(kind, str) and kind:
        return kind.lower() == "transition"
    return ask(item, "GetMediaPoolItem") is None and not ask(item, "GetProperty")


def is_half_transparent(opacity: Any) -> bool:
    """Whether an opacity in per cent lets something through; 0 and what is no number (no such property) do not."""
    return isinstance(opacity, int | float) and 0 < opacity < 100


def marker_of(frame: int, marker: Any) -> Marker:
    """One of the tables that ``GetMarkers`` gives, at ``frame`` of our timeline."""
    name, color, note = (clean(str(marker.get(key) or "")) for key in ("name", "color", "note"))
    return Marker(frame, name, color, note, duration_frames=max(0, round(marker.get("duration") or 0)))
