"""What a batch has to do: edits from files, folders, patterns and manifests, each with its folder and its options."""

from __future__ import annotations

import csv
import glob
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from v2m_bridge import __version__
from v2m_bridge.edits.read_edit import EDIT_SUFFIXES
from v2m_bridge.errors import InputError
from v2m_bridge.files.names import as_bytes
from v2m_bridge.files.within import DEVICE_NAME
from v2m_bridge.footage.cache import media_identity
from v2m_bridge.option_table import OPTIONS
from v2m_bridge.options import ScoreOptions

MANIFEST_SUFFIXES = (".csv", ".jsonl")
_KEYS = frozenset(row.key for row in OPTIONS)
_OWN_COLUMNS = ("edit", "name", "options")
_LONGEST_NAME = 100


@dataclass(frozen=True)
class BatchItem:
    """One edit of a batch.

    Attributes:
        name: of its folder below the batch's; one of its own.
        options: of its score, as JSON.
        fingerprint: of the edit's content, the options and this version; what has the same one is done already.
    """

    edit: Path
    name: str
    options: ScoreOptions
    fingerprint: str


@dataclass(frozen=True)
class _Wish:
    edit: Path
    name: str
    options: Mapping[str, Any]


def plan_batch(
    inputs: Sequence[str], options: Mapping[str, Any] | None = None, engine: str = ""
) -> tuple[BatchItem, ...]:
    """Every edit of ``inputs`` in order, each once.

    Args:
        inputs: edits, videos, folders (all edits in and below them), patterns, or manifests: ``.csv`` with the columns
            edit, name, options (JSON) and any option's key, or ``.jsonl`` with the same keys.
        options: for every edit; a manifest's own go before them.
        engine: what else a score depends on, such as other networks; part of the fingerprints.

    Raises:
        InputError: an input does not exist or names no edit, a manifest or an option cannot be read.
    """
    wishes = [wish for text in inputs for wish in _wishes(text)]
    seen: dict[tuple[Path, str, str], _Wish] = {}
    for wish in wishes:
        seen.setdefault((wish.edit.absolute(), wish.name, json.dumps(wish.options, sort_keys=True)), wish)
    if not seen:
        raise InputError("there is no edit to score", "give edits, folders, patterns or a manifest")
    return tuple(_named(list(seen.values()), dict(options or {}), engine))


def _wishes(text: str) -> Iterator[_Wish]:
    path = Path(text).expanduser()
    if path.suffix.lower() in MANIFEST_SUFFIXES and path.is_file():
        yield from _manifest(path)
    elif path.is_dir() and path.suffix.lower() not in EDIT_SUFFIXES:
        found = [p for p in sorted(path.rglob("*")) if _is_edit(p)]
        if not found:
            raise InputError(f"{path} holds no edit")
        yield from (_Wish(p, "", {}) for p in found)
    elif path.exists():
        yield _Wish(path, "", {})
    else:
        matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207 (absolute ones)
        if not matches:
            raise InputError(f"{text} does not exist")
        yield from (_Wish(p, "", {}) for p in matches if _is_edit(p))


def _is_edit(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts[-2:])
    return path.suffix.lower() in EDIT_SUFFIXES and not hidden


def _manifest(path: Path) -> Iterator[_Wish]:
    """The rows of a manifest; paths count from its folder."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} cannot be read: {error}") from error
    rows: list[tuple[int, Mapping[str, Any]]]
    if path.suffix.lower() == ".csv":
        rows = [(n, row) for n, row in enumerate(csv.DictReader(text.splitlines()), 2)]
    else:
        lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
        rows = [(n, json_object(line, f"line {n} of {path.name}")) for n, line in lines]
    for number, row in rows:
        where = f"line {number} of {path.name}"
        edit = str(row.get("edit") or "").strip()
        if not edit:
            raise InputError(f"{where} names no edit", 'a manifest has the column "edit"')
        unknown = [key for key in row if key not in _OWN_COLUMNS and key not in _KEYS]
        if unknown:
            raise InputError(f"{where} has {unknown[0]!r}, which is no option")
        yield _Wish(path.parent / Path(edit).expanduser(), str(row.get("name") or "").strip(), _row_options(row, where))


def json_object(text: str, place: str) -> dict[str, Any]:
    """The JSON object in ``text``.

    Raises:
        InputError: there is none; the message names ``place``.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InputError(f"{place} is no JSON") from error
    if not isinstance(found, dict):
        raise InputError(f"{place} is no JSON object")
    return found


def _row_options(row: Mapping[str, Any], where: str) -> dict[str, Any]:
    given = row.get("options") or "{}"
    text = given if isinstance(given, str) else json.dumps(given)
    own = {key: value for key, value in row.items() if key in _KEYS and value not in ("", None)}
    return {**json_object(text, f"the column options in {where}"), **{k: _value(v) for k, v in own.items()}}


def _value(value: Any) -> Any:
    """A cell of a table as JSON where it is JSON, else as text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _named(wishes: Sequence[_Wish], common: Mapping[str, Any], engine: str) -> Iterator[BatchItem]:
    """The items, with names that are plain, and each another one."""
    stems = Counter(_plain(wish.name or wish.edit.stem).lower() for wish in wishes)
    taken: set[str] = set()
    for wish in wishes:
        name = _plain(wish.name or wish.edit.stem)
        if stems[name.lower()] > 1 and not wish.name:
            name = _plain(f"{wish.edit.absolute().parent.name}_{wish.edit.stem}")
        unique, number = name, 2
        while unique.lower() in taken:
            unique, number = f"{name}-{number}", number + 1
        taken.add(unique.lower())
        options = read_options({**common, **wish.options}, str(wish.edit))
        yield BatchItem(wish.edit, unique, options, _fingerprint(wish.edit, options, engine))


def read_options(given: Mapping[str, Any], where: str) -> ScoreOptions:
    """Options from JSON.

    Raises:
        InputError: a key or a value that is none.
    """
    try:
        return ScoreOptions.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "options"
        raise InputError(f"the option {key} of {where} cannot be used: {first['msg']}") from error


def _plain(text: str) -> str:
    """A folder's name on every platform."""
    name = re.sub(r'[<>:"/\\|?*\x00-\x1f]+', "_", text).strip(" .")[:_LONGEST_NAME] or "edit"
    return f"_{name}" if DEVICE_NAME.match(name) else name


def _fingerprint(edit: Path, options: ScoreOptions, engine: str) -> str:
    digest = hashlib.blake2b(f"{__version__}\n{options.model_dump_json()}\n{engine}\n".encode(), digest_size=20)
    files = sorted(p for p in edit.rglob("*") if p.is_file()) if edit.is_dir() else [edit]
    for file in files:
        try:
            digest.update(as_bytes(media_identity(file)))
        except OSError:
            digest.update(b"missing")
    return digest.hexdigest()
