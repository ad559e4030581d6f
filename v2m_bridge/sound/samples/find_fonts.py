"""Where General MIDI sound fonts lie on the three platforms."""

from __future__ import annotations

import os
from pathlib import Path

from v2m_bridge.errors import InputError

SOUND_FONT_PLACES = (
    "/usr/share/sounds/sf2",
    "/usr/share/sounds/sf3",
    "/usr/share/soundfonts",
    "/usr/local/share/soundfonts",
    "/usr/local/share/sounds",
    "/opt/homebrew/share/soundfonts",
    "~/.local/share/sounds/sf2",
    "~/.local/share/soundfonts",
    "~/Library/Audio/Sounds/Banks",
    "/Library/Audio/Sounds/Banks",
    "C:/soundfonts",
    "~/Documents/soundfonts",
    "C:/Program Files/MuseScore 4/sound",
    "C:/Program Files/MuseScore 3/sound",
    "/Applications/MuseScore 4.app/Contents/Resources/sound",
    "/Applications/MuseScore 3.app/Contents/Resources/sound",
    "/usr/share/mscore3-3.2/sounds/sf3",
)
"""Folders where systems and programs keep sound fonts."""

_PREFERRED = ("fluidr3", "musescore_general", "ms basic", "generaluser")
"""Whole General MIDI sets whose balance is known, best first."""
_WHOLE_SET_BYTES = 3 << 20
"""Smaller files hold a single instrument, not the 128 of General MIDI."""
_VARIABLES = ("V2M_SOUNDS", "V2M_SOUND_FONT")


def find_sound_font(pulled: Path | None = None) -> Path | None:
    """A General MIDI sound font on this machine, or None.

    ``V2M_SOUNDS`` names a file or a folder, or is ``off``; then comes ``pulled``, the folder of fetched sounds, then
    the usual places.

    Raises:
        InputError: ``V2M_SOUNDS`` names nothing that is there.
    """
    named = next((os.environ[name] for name in _VARIABLES if os.environ.get(name)), None)
    if named == "off":
        return None
    if named:
        path = Path(named).expanduser()
        found = path if path.is_file() else _best_in(path)
        if found is None:
            raise InputError(f"there is no sound font at {named}, which V2M_SOUNDS names", "give an .sf2 or .sf3 file")
        return found
    for place in (*([pulled] if pulled else []), *(Path(place).expanduser() for place in SOUND_FONT_PLACES)):
        if found := _best_in(place):
            return found
    return None


def _best_in(folder: Path) -> Path | None:
    """The known set that is preferred most, else the largest file."""
    try:
        files = [p for p in sorted(folder.glob("*.sf[23]")) if p.is_file() and p.stat().st_size >= _WHOLE_SET_BYTES]
    except OSError:
        return None

    def rank(path: Path) -> tuple[int, int]:
        name = path.name.lower()
        known = next((i for i, start in enumerate(_PREFERRED) if name.startswith(start)), len(_PREFERRED))
        return known, -path.stat().st_size

    return min(files, key=rank, default=None)
