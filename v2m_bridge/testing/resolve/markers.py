"""Markers of timelines and clips behind :mod:`v2m_bridge.testing.resolve.model`."""

from __future__ import annotations

from typing import Any

MARKER_COLORS = frozenset(
    {"Blue", "Cyan", "Green", "Yellow", "Red", "Pink", "Purple", "Fuchsia"}
    | {"Rose", "Lavender", "Sky", "Mint", "Lemon", "Sand", "Cocoa", "Cream"}
)


class MarkerHolder:
    """Markers by the number that they were given, unchecked, as Resolve keeps them."""

    def __init__(self, edit: Any) -> None:
        self.markers: dict[float, dict[str, Any]] = {}
        for m in edit:
            self.AddMarker(m.frame, m.color, m.name, m.note, m.duration, m.custom_data)

    def AddMarker(self, frame: float, color: str, name: str, note: str, duration: float, custom_data: str = "") -> bool:
        texts = isinstance(name, str) and isinstance(note, str) and isinstance(custom_data, str)
        if not isinstance(frame, int | float) or not texts or color not in MARKER_COLORS or duration < 1:
            return False
        if float(frame) in self.markers:
            return False
        self.markers[float(frame)] = {
            "color": color,
            "duration": float(duration),
            "note": note,
            "name": name,
            "customData": custom_data,
        }
        return True

    def GetMarkers(self) -> dict[float, dict[str, Any]]:
        return {frame: dict(marker) for frame, marker in sorted(self.markers.items())}

    def GetMarkerCustomData(self, frame: float) -> str:
        return str(self.markers.get(float(frame), {}).get("customData", ""))

    def GetMarkerByCustomData(self, data: str) -> dict[float, dict[str, Any]]:
        return {f: m for f, m in self.markers.items() if m["customData"] == data}

    def UpdateMarkerCustomData(self, frame: float, data: str) -> bool:
        if float(frame) not in self.markers:
            return False
        self.markers[float(frame)]["customData"] = data
        return True

    def DeleteMarkerAtFrame(self, frame: float) -> bool:
        return self.markers.pop(float(frame), None) is not None

    def DeleteMarkerByCustomData(self, data: str) -> bool:
        """The first one that matches."""
        for frame, marker in sorted(self.markers.items()):
            if marker["customData"] == data:
                del self.markers[frame]
                return True
        return False

    def DeleteMarkersByColor(self, color: str) -> bool:
        gone = [f for f, m in self.markers.items() if color in ("All", m["color"])]
        for frame in gone:
            del self.markers[frame]
        return bool(gone)
