"""OSC 1.0 packets: python-osc writes and reads them; here is what must be checked before and after it."""

from __future__ import annotations

from pythonosc.osc_message_builder import BuildError, OscMessageBuilder
from pythonosc.osc_packet import OscPacket

from v2m_bridge.errors import InputError

Argument = int | float | str

TYPE_TAGS: dict[type, str] = {int: "i", float: "f", str: "s"}
"""The three types that every program reads: int32, float32 and text."""

BUNDLE = b"#bundle\0"
BUNDLE_HEAD_BYTES = 16
"""The mark and a time tag; then sizes and elements take turns (OSC 1.0 specification)."""


def write_message(address: str, *arguments: Argument) -> bytes:
    """One message: int as int32, float as float32, str as UTF-8 (zero bytes, which would end it, are left out).

    Raises:
        InputError: a value of another type, an integer beyond 32 bits, or text that is no UTF-8.
    """
    builder = OscMessageBuilder(address)
    for value in arguments:
        tag = next((tag for kind, tag in TYPE_TAGS.items() if isinstance(value, kind)), None)
        if tag is None or isinstance(value, bool):
            raise InputError(f"{address}: int, float and text can be sent, not {type(value).__name__}")
        builder.add_arg(value.replace("\0", "") if isinstance(value, str) else value, tag)
    try:
        return bytes(builder.build().dgram)
    except (BuildError, OverflowError) as error:
        raise InputError(f"{address}: a value cannot be sent: {error}") from error


def read_packet(packet: bytes) -> list[tuple[str, tuple[object, ...]]]:
    """Address and arguments of every message of a packet: a message, or a bundle of messages.

    Raises:
        InputError: it is neither, or damaged. A bundle inside a bundle counts as damaged: nobody sends one, and
            unlimited nesting would be a stranger's way to exhaust the stack.
    """
    if not _is_whole(packet):
        raise InputError("not an OSC packet")
    try:
        messages = [timed.message for timed in OscPacket(packet).messages]
        return [(str(message.address), tuple(message.params)) for message in messages]
    except Exception as error:  # the parser raises whatever a malformed packet makes it stumble over
        raise InputError(f"not an OSC packet ({type(error).__name__})") from None


def _is_whole(packet: bytes) -> bool:
    """Whether this is a message, or a bundle of whole messages.

    The parser would log every other element of a bundle, and a negative size would keep it busy for ever.
    """
    if not packet.startswith(BUNDLE):
        return packet.startswith(b"/") and len(packet) % 4 == 0
    place = BUNDLE_HEAD_BYTES
    while place < len(packet):
        size = int.from_bytes(packet[place : place + 4])
        place += 4
        if size % 4 or not 0 < size <= len(packet) - place or packet[place : place + 1] != b"/":
            return False
        place += size
    return place == len(packet)
