"""Where live MIDI goes: a virtual port, a port that exists, or REAPER's virtual keyboard by OSC."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

from v2m_bridge.errors import HostError, SetupError
from v2m_bridge.reaper.osc import OscLink

PORT_NAME = "v2m-bridge"
VKB_WARNING = (
    "notes go through REAPER's virtual keyboard: it reads OSC about 30 times a second, so every note is up to 55 ms "
    "late and up to 33 ms uneven; use the MIDI port for anything you want to record"
)


class MidiOutput(Protocol):
    """Takes complete MIDI messages, at once."""

    def send(self, message: bytes) -> None:
        """Send one message now."""

    def close(self) -> None:
        """Free the port."""


class RtMidiOutput:
    """A MIDI port of the operating system."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def send(self, message: bytes) -> None:
        """Send one message now."""
        self._port.send_message(message)

    def close(self) -> None:
        """Close the port and remove it from the system."""
        self._port.close_port()
        self._port.delete()


class VkbOutput:
    """``/vkb_midi``; see :data:`VKB_WARNING`. Only notes, controllers and programs exist there."""

    def __init__(self, link: OscLink) -> None:
        self._link = link

    def send(self, message: bytes) -> None:
        """Send one message now; kinds that the virtual keyboard lacks are left out."""
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind in (0x80, 0x90):
            velocity = message[2] if kind == 0x90 else 0
            self._link.send(f"/vkb_midi/{channel}/note/{message[1]}", velocity)
        elif kind == 0xB0:
            self._link.send(f"/vkb_midi/{channel}/cc/{message[1]}", message[2])
        elif kind == 0xC0:
            self._link.send(f"/vkb_midi/{channel}/program", message[1])

    def close(self) -> None:
        """Nothing to do: the link is closed by whoever opened it."""


def open_port(existing: str | None = None) -> RtMidiOutput:
    """Open a virtual port named ``v2m-bridge``, or the first existing output whose name contains ``existing``.

    Raises:
        SetupError: this system has no virtual ports or no MIDI at all.
        HostError: no such port.
    """
    rtmidi = _driver()
    if existing is None and sys.platform == "win32":
        raise SetupError(
            "Windows has no virtual MIDI ports of its own",
            "make one with a loopback driver such as loopMIDI and name it with --midi-port, or use --vkb",
        )
    problems = []
    for api in _systems(rtmidi):
        try:
            with drivers_silenced():
                output = rtmidi.MidiOut(api, name=PORT_NAME)
        except (rtmidi.SystemError, rtmidi.RtMidiError) as error:
            problems.append(_plain(str(error)))
            continue
        if existing is None:
            _open(rtmidi, PORT_NAME, partial(output.open_virtual_port, "score"))
            return RtMidiOutput(output)
        names = output.get_ports()
        for index, name in enumerate(names):
            if existing.lower() in name.lower():
                _open(rtmidi, name, partial(output.open_port, index))
                return RtMidiOutput(output)
        output.delete()
        raise HostError(f"no MIDI output is called {existing!r}", f"there are: {', '.join(names) or 'none'}")
    raise SetupError(
        f"this system has no MIDI ({'; '.join(problems) or 'no driver'})",
        "on Linux load the snd-seq module or start JACK; or use --vkb",
    )


def _driver() -> Any:
    try:
        import rtmidi
    except ImportError as error:
        raise SetupError(
            f"live MIDI needs python-rtmidi, which is not installed ({error})",
            "pip install 'v2m-bridge[midi]'; it has no wheel for every Python: 3.11 and 3.12 have one. Or use --vkb",
        ) from error
    return rtmidi


def _open(rtmidi: Any, name: str, opening: Callable[[], object]) -> None:
    """Open a port in silence.

    Raises:
        HostError: another program has it, as only one may on Windows.
    """
    try:
        with drivers_silenced():
            opening()
    except (rtmidi.SystemError, rtmidi.RtMidiError) as error:
        raise HostError(
            f"the MIDI port {name} cannot be opened ({_plain(str(error))})",
            "on Windows one program at a time has a port: close the other, or name another port",
        ) from error


def _plain(problem: str) -> str:
    """RtMidi's own words without the name of its function."""
    return re.sub(r"^MidiOut(\w+?)::\w+: ", r"\1: ", problem.strip()).rstrip(".")


@contextmanager
def drivers_silenced() -> Iterator[None]:
    """Keep ALSA and JACK from writing to stderr what RtMidi then raises as an error anyway.

    Only the output of C code is dropped. With ``V2M_DEBUG`` set it is shown.
    """
    if os.environ.get("V2M_DEBUG"):
        yield
        return
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _systems(rtmidi: Any) -> list[int]:
    """The MIDI systems that this build has, the usual one first."""
    first = [rtmidi.API_LINUX_ALSA, rtmidi.API_UNIX_JACK, rtmidi.API_MACOSX_CORE, rtmidi.API_WINDOWS_MM]
    compiled = rtmidi.get_compiled_api()
    return [api for api in first if api in compiled]
