"""Parse XML that may be hostile: no entities, no external files, limited depth and size."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from v2m_bridge.edits.limits import MAX_TEXT_BYTES, refuse_larger
from v2m_bridge.errors import InputError

MAX_DEPTH = 200
MAX_ELEMENTS = 5_000_000


def parse_xml(path: Path) -> Element:
    """The root element of an XML file.

    Raises:
        InputError: too large, not well formed (with its line), too deep, or with entity declarations: no host
            writes them, and with them a small file can grow huge in memory or read other files.
    """
    refuse_larger(path, MAX_TEXT_BYTES)
    return parse_xml_bytes(path.read_bytes(), path.name)


def parse_xml_bytes(data: bytes, name: str) -> Element:
    """As :func:`parse_xml`, for bytes; messages call the file ``name``."""
    builder = TreeBuilder()
    depth = count = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth += 1
        count += 1
        if depth > MAX_DEPTH:
            raise InputError(f"{name}, line {parser.CurrentLineNumber}: nested more than {MAX_DEPTH} deep")
        if count > MAX_ELEMENTS:
            raise InputError(f"{name} has more than {MAX_ELEMENTS} elements")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def entity(*_: object) -> None:
        raise InputError(f"{name}, line {parser.CurrentLineNumber}: declares an entity, which no edit needs; refused")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(data, True)
        return builder.close()
    except expat.ExpatError as error:
        reason = expat.errors.messages.get(error.code, str(error))
        raise InputError(f"{name} is not well-formed XML: {reason} at line {error.lineno}") from error
    except (LookupError, ValueError, AssertionError) as error:  # an unknown encoding, or no element at all
        raise InputError(f"{name} is not XML: {error}") from error


def text_at(element: Element | None, path: str) -> str:
    """Stripped text of the child at ``path``; empty where the child or the element is missing."""
    found = element.find(path) if element is not None else None
    return (found.text or "").strip() if found is not None else ""
