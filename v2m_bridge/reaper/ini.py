"""Add our OSC device to ``reaper.ini`` or take it out, changing no other byte.

REAPER rewrites the file when it ends, so this may only be done while it does not run. A device is
``csurf_N=OSC "name" flags receive "ip" send packet sleep "pattern"`` and ``csurf_cnt`` counts them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DEVICE = 'OSC "v2m-bridge" 3 {receive} "127.0.0.1" {send} 1024 10 "v2m-bridge"'
"""flags 3: receive and send. The last field is the pattern file's name without its suffix."""

SEND_PORT = 9000
"""Where our device sends its answers: REAPER's own default."""

_SECTION = re.compile(rb"^\[reaper\][ \t]*(\r?\n|\Z)", re.IGNORECASE | re.MULTILINE)
_SURFACE = re.compile(rb"^csurf_(\d+)=(.*?)(\r?\n|\Z)", re.MULTILINE)
_COUNT = re.compile(rb"^csurf_cnt=(\d+)(\r?\n|\Z)", re.MULTILINE)
_DEVICE = re.compile(rb'OSC "([^"]*)" (\d+) (\d+) "([^"]*)" (\d+) ')
_OURS = re.compile(rb'^OSC "v2m-bridge" ')


def with_device(ini: bytes, receive: int = 8000, send: int = SEND_PORT) -> bytes:
    """``ini`` with our OSC device; unchanged if it is there or another device receives on that port."""
    surfaces = _SURFACE.findall(ini)
    if has_device(ini) or foreign_device(ini, receive):
        return ini
    end = b"\r\n" if b"\r\n" in ini else b"\n"
    number = max([int(n) + 1 for n, _, _ in surfaces], default=0)
    line = f"csurf_{number}={DEVICE.format(receive=receive, send=send)}".encode() + end
    if _COUNT.search(ini):
        ini = _COUNT.sub(lambda m: b"csurf_cnt=%d" % max(int(m[1]), number + 1) + m[2], ini, count=1)
    else:
        line += b"csurf_cnt=%d" % (number + 1) + end
    section = _SECTION.search(ini)
    if not section:
        gap = b"" if not ini or ini.endswith(b"\n") else end
        return ini + gap + b"[REAPER]" + end + line
    head = ini[: section.end()]
    return head + (b"" if head.endswith(b"\n") else end) + line + ini[section.end() :]


def without_device(ini: bytes) -> bytes:
    """``ini`` without our device; those behind it move up, because REAPER counts without gaps."""
    ours = [int(n) for n, value, _ in _SURFACE.findall(ini) if _OURS.match(value)]
    if not ours:
        return ini

    def moved(match: re.Match[bytes]) -> bytes:
        number = int(match[1])
        if number in ours:
            return b""
        return b"csurf_%d=" % (number - sum(gone < number for gone in ours)) + match[2] + match[3]

    ini = _SURFACE.sub(moved, ini)
    return _COUNT.sub(lambda m: b"csurf_cnt=%d" % max(0, int(m[1]) - len(ours)) + m[2], ini, count=1)


def has_device(ini: bytes) -> bool:
    """Whether our device is there."""
    return any(_OURS.match(value) for _, value, _ in _SURFACE.findall(ini))


@dataclass(frozen=True)
class OscDevice:
    """An OSC device of REAPER that receives.

    Attributes:
        answers_to: the port on this machine that it sends to, or None.
    """

    name: str
    answers_to: int | None


def foreign_device(ini: bytes, receive: int) -> OscDevice | None:
    """A device that is not ours and receives on that port, or None."""
    for _, value, _ in _SURFACE.findall(ini):
        match = _DEVICE.match(value)
        if match and not _OURS.match(value) and int(match[2]) & 1 and int(match[3]) == receive:
            here = int(match[2]) & 2 and match[4] in (b"127.0.0.1", b"localhost")
            return OscDevice(match[1].decode(errors="replace"), int(match[5]) if here else None)
    return None
