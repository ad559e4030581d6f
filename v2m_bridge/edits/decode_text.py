"""The text of files that do not name their encoding: edit decision lists and lists of markers."""

from __future__ import annotations

import re

_JAPANESE = re.compile(r"[\u3000-\u30ff\u4e00-\u9fff\uff01-\uff5e]")
_MAC_LETTERS = frozenset(range(0x81, 0xA0)) - {0x85, *range(0x91, 0x98), 0x99}
"""Bytes that are accented letters in Mac Roman, and no letters in the code pages of Windows."""


def decode_text(data: bytes) -> str:
    """UTF-16 with or without a byte order mark, UTF-8, a Japanese code page, Mac Roman or that of Windows.

    The last three are told apart by what their bytes would say: Japanese characters stand beside each other, accented
    letters between plain ones.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    wide = _utf16_without_mark(data)
    if wide:
        return data.decode(wide, errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode(_code_page(data), errors="replace")


def _utf16_without_mark(data: bytes) -> str:
    """The name of the encoding if every other byte of the beginning is mostly zero; else an empty text."""
    head = data[: 4096 // 2 * 2]
    if len(head) < 8:
        return ""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > len(head) * 0.3 and even < len(head) * 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > len(head) * 0.3 and odd < len(head) * 0.05 else ""


def _code_page(data: bytes) -> str:
    shares = {name: _japanese_share(data, name) for name in ("cp932", "euc_jp")}
    best = max(shares, key=lambda name: shares[name])
    if shares[best] >= 0.5:
        return best
    mac = sum(byte in _MAC_LETTERS for byte in data)
    windows = sum(byte >= 0xC0 for byte in data)
    return "mac_roman" if mac > windows else "latin-1" if _undefined(data) else "cp1252"


def _undefined(data: bytes) -> bool:
    """Whether there are bytes that the code page of Windows does not define."""
    return any(byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D) for byte in data)


def _japanese_share(data: bytes, encoding: str) -> float:
    """Share of the characters beyond ASCII that are Japanese and stand beside another such one."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return 0.0
    foreign = sum(ord(c) > 127 for c in text)
    flags = [bool(_JAPANESE.match(c)) for c in text]
    beside = sum(b and (a or c) for a, b, c in zip([False, *flags], flags, [*flags[1:], False], strict=False))
    return beside / foreign if foreign else 0.0
