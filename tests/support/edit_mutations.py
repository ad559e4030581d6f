"""Damaged edits: random changes of bytes and of structure, the same for the same seed."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 10**12, -(10**12), 10**30, 1e308, -1e308, 5e-324, 0.1, "", "x", "NaN", "24", [], {},
    [[]], {"OTIO_SCHEMA": "Clip.2"}, {"OTIO_SCHEMA": "Stack.1", "children": []}, {"OTIO_SCHEMA": "Nonsense.9"},
    {"OTIO_SCHEMA": 7}, {"value": 1, "rate": 0}, {"value": float("nan"), "rate": 24}, "\x00", "é" * 50, "../" * 30,
)  # fmt: skip
ODD_TEXTS = (
    "", "0", "-1", "1", "x", "-99999999999", "999999999999999999", "1e400", "nan", "1/0s", "0/1s", "-5s", "1001/30000s",
    "10000000000000/1s", "TRUE", "FALSE", "file://", "file://localhost/%zz", "\u2028", "r1", "r4", "main", "inner",
    "50%",
)  # fmt: skip


def damaged_bytes(data: bytes, rng: random.Random) -> bytes:
    """Flip, delete, insert, double or cut off bytes."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        if not out:
            break
        at = rng.randrange(len(out))
        length = rng.choice((1, 1, 2, 5, 40))
        change = rng.randrange(6)
        if change == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif change == 1:
            del out[at : at + length]
        elif change == 2:
            out[at:at] = rng.randbytes(length)
        elif change == 3:
            out[at:at] = out[at : at + length * 10]
        elif change == 4:
            out[at : at + 1] = rng.choice((b"9", b"-", b"0", b"\x00", b'"', b"<", b"}", b":", b"\xff", b"\n"))
        elif rng.random() < 0.2:
            del out[at:]
    return bytes(out)


def flipped_bits(data: bytes, rng: random.Random) -> bytes:
    """Damage that keeps the length, so that a file with inner addresses stays nearly whole."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 60)):
        at = rng.randrange(len(out))
        out[at] = rng.choice((out[at] ^ (1 << rng.randrange(8)), 0, 255))
    return bytes(out)


def damaged_json(document: Any, rng: random.Random) -> bytes:
    """Replace, drop, double, swap or nest values anywhere in a document."""
    root = copy.deepcopy(document)
    for _ in range(rng.randint(1, 4)):
        places = list(_places(root))
        if not places:
            break
        holder, key = rng.choice(places)
        change = rng.randrange(5)
        if change == 0:
            holder[key] = copy.deepcopy(rng.choice(ODD_VALUES))
        elif change == 1:
            del holder[key]
        elif change == 2 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        elif change == 3:
            other, other_key = rng.choice(places)
            if other is not holder:
                try:
                    holder[key] = copy.deepcopy(other[other_key])
                except (KeyError, IndexError):
                    continue
        elif isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
            holder[key] = holder[key] * rng.choice((-1, 0, 0.5, 1000, 1e-9, 1e9)) + rng.choice((0, 1, 0.3))
    return json.dumps(root).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    for key, child in items:
        yield value, key
        yield from _places(child)


def damaged_xml(text: str, rng: random.Random) -> bytes:
    """Change texts and attributes; drop, double and move elements."""
    root = ElementTree.fromstring(text)
    for _ in range(rng.randint(1, 4)):
        elements = [e for e in root.iter() if len(e)]
        if not elements:
            break
        parent = rng.choice(elements)
        child = rng.choice(list(parent))
        change = rng.randrange(6)
        if change == 0:
            child.text = rng.choice(ODD_TEXTS)
        elif change == 1 and child.attrib:
            child.set(rng.choice(list(child.attrib)), rng.choice(ODD_TEXTS))
        elif change == 2:
            parent.remove(child)
        elif change == 3:
            parent.append(copy.deepcopy(child))
        elif change == 4:
            rng.choice(elements).append(copy.deepcopy(child))
        else:
            leaf = rng.choice([e for e in root.iter() if not len(e)])
            leaf.text = rng.choice(ODD_TEXTS)
    return ElementTree.tostring(root, encoding="utf-8")


def damaged_lines(text: str, rng: random.Random) -> bytes:
    """Change fields of an EDL; drop, double and swap lines."""
    lines = text.splitlines()
    for _ in range(rng.randint(1, 5)):
        if not lines:
            break
        at = rng.randrange(len(lines))
        change = rng.randrange(5)
        if change == 0:
            fields = re.split(r"(\s+)", lines[at])
            fields[rng.randrange(len(fields))] = rng.choice(
                ("99:99:99:99", "00:00:00:00", "V2", "D", "K B", "BL", "-5", "9" * 30, "")
            )
            lines[at] = "".join(fields)
        elif change == 1 and len(lines) > 1:
            del lines[at]
        elif change == 2:
            lines.insert(at, lines[at])
        elif change == 3:
            other = rng.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        else:
            lines[at] = re.sub(r"\d", lambda _: str(rng.randrange(10)), lines[at], count=rng.randint(1, 6))
    return "\n".join(lines).encode()


Mutation = Callable[[random.Random], bytes]
