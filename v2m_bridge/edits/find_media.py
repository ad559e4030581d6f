"""Find the media files of an edit on this machine, in whatever way the host wrote their paths."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from v2m_bridge.errors import InputError
from v2m_bridge.files.within import AllowedFolders, share_of

MAX_INDEXED_FILES = 200_000
MAX_CANDIDATES = 200
SHARES = os.name == "nt"
"""Whether a path that begins with two separators asks another machine (and tells it who the user is)."""

_DRIVE = re.compile(r"/?([A-Za-z]):[\\/]")


_allowed: ContextVar[AllowedFolders | None] = ContextVar("_allowed", default=None)


@contextmanager
def media_within(folders: AllowedFolders) -> Iterator[None]:
    """Inside the block the readers of this thread look at files and media within ``folders`` alone.

    What lies elsewhere is offline: it is neither opened nor asked whether it exists.
    """
    token = _allowed.set(folders)
    try:
        yield
    finally:
        _allowed.reset(token)


def refuse_outside(path: Path, what: str) -> None:
    """Refuse a file that a user names beside the edit, before anything looks whether it is there.

    Args:
        what: what the message calls the file.

    Raises:
        InputError: it lies outside the folders of :func:`media_within`.
    """
    if leads_outside(path):
        raise InputError(f"the {what} lies outside the folders that may be read", "start the daemon with --media-root")


def leads_outside(path: Path) -> bool:
    """Whether ``path`` may not be looked at; see :func:`media_within`."""
    folders = _allowed.get()
    return folders is not None and folders.real(path.absolute()) is None


@dataclass(frozen=True)
class FoundMedia:
    """Where the media of a clip lies.

    Attributes:
        path: on this machine if ``online``, else as the edit means it; None: the clip has no media.
        online: whether the file exists.
    """

    path: str | None = None
    online: bool = False

    @property
    def has_alpha(self) -> bool:
        """Whether it is an existing PNG with an alpha channel, which lets through what lies below."""
        return bool(self.online and self.path and self.path.lower().endswith(".png") and png_has_alpha(Path(self.path)))


class MediaFinder:
    """Finds the media of one edit: as written, decoded, beside the edit, then by file name below the media roots.

    Args:
        folder: the folder of the edit, to which relative paths refer.
        roots: folders to search for files of the same name when the written path does not exist here.
        confined: relative paths may not leave the folder (a bundle that came from elsewhere).
    """

    def __init__(self, folder: Path, roots: Sequence[Path] = (), *, confined: bool = False) -> None:
        self._folder = folder.absolute()
        self._allowed = _allowed.get()
        self._confined = confined
        self._roots = tuple(roots)
        self._shares = {share_of(str(place)) for place in (self._folder, *self._roots)} - {None}
        self._index: dict[str, list[str]] | None = None
        self._stems: dict[str, list[str]] | None = None
        self._known: dict[str, FoundMedia] = {}

    def find(self, url: str) -> FoundMedia:
        """The media that ``url`` means; an empty one means none."""
        if not url:
            return FoundMedia()
        if url not in self._known:
            self._known[url] = self._find(url)
        return self._known[url]

    def find_sequence(self, folder_url: str, prefix: str, first: int, padding: int, suffix: str) -> FoundMedia:
        """As :meth:`find` for an image sequence of which frame ``first`` must exist; the path is a pattern.

        ``padding`` is the least number of digits: ``shot.%04d.exr`` for 4.
        """
        joint = "" if not folder_url or folder_url.endswith(("/", "\\")) else "/"
        number = f"{first:0{padding}d}"
        found = self.find(f"{folder_url}{joint}{prefix}{number}{suffix}")
        path, tail = found.path or "", f"{number}{suffix}"
        if not path.endswith(tail):
            return found
        pattern = f"%0{padding}d{suffix}" if padding > 1 else f"%d{suffix}"
        return FoundMedia(path[: len(path) - len(tail)] + pattern, found.online)

    def find_stem(self, stem: str) -> FoundMedia:
        """The file below the media roots whose name without suffix is ``stem`` (a reel name), if there is just one."""
        if not stem or not self._roots:
            return FoundMedia()
        if self._stems is None:
            self._stems = {}
            for path in (p for paths in self._by_file_name().values() for p in paths if self._is_file(p)):
                self._stems.setdefault(_key(Path(path).stem), []).append(path)
        found = self._stems.get(_key(stem), [])
        return FoundMedia(found[0], online=True) if len(found) == 1 else FoundMedia()

    def _by_file_name(self) -> dict[str, list[str]]:
        if self._index is None:
            self._index = _index(self._roots)
        return self._index

    def _find(self, url: str) -> FoundMedia:
        readings = list(dict.fromkeys(_readings(url)))
        for text in readings:
            relative = not _is_absolute(text)
            path = os.path.normpath(self._folder / text) if relative else text
            if self._allowed is not None:  # what is checked is what will be opened
                path = os.path.normpath(path)
            if relative and self._confined and not Path(path).is_relative_to(self._folder):
                continue
            for spelled in _spellings(path):
                if self._is_file(spelled):
                    return FoundMedia(spelled, online=True)
        for text in readings:
            found = self._by_name(text)
            if found:
                return FoundMedia(found, online=True)
        return FoundMedia(readings[0])

    def _by_name(self, text: str) -> str | None:
        parts = [p for p in re.split(r"[\\/]", text) if p]
        if not parts or not self._roots:
            return None
        candidates = self._by_file_name().get(_key(parts[-1]), [])[:MAX_CANDIDATES]
        # of several files of that name the one whose folders agree best with the written path
        best_first = sorted(candidates, key=lambda c: -_agreement(c, parts))
        return next((candidate for candidate in best_first if self._is_file(candidate)), None)

    def _is_file(self, path: str) -> bool:
        """Whether a plain file lies there; outside of the allowed folders nobody looks."""
        if self._allowed is not None:
            return self._allowed.file(path)
        if SHARES and (share := share_of(path)) is not None and share not in self._shares:
            return False  # an edit from elsewhere must not make this machine sign in at a stranger's
        return _is_file(path)


def _readings(url: str) -> Iterator[str]:
    """The paths that ``url`` may mean, the likeliest first."""
    if not url.lower().startswith("file:"):
        yield url
        if "%" in url:
            yield unquote(url)
        return
    rest = url[5:]
    host, path = "", rest
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        path = slash + path
    if host and re.fullmatch(r"[A-Za-z](:|%3[aA])", host):
        host, path = "", f"/{host[0]}:{path}"
    for decoded in (unquote(path), path):
        drive = _DRIVE.match(decoded)
        if host and host.lower() != "localhost":
            yield f"//{host}{decoded}"
        else:
            yield decoded.removeprefix("/") if drive else decoded


def _key(name: str) -> str:
    """What two names have in common that a person takes for the same: capitals, and accents as one sign or as two."""
    return unicodedata.normalize("NFC", name).casefold()


def _spellings(path: str) -> Iterator[str]:
    """``path``, and the same with accents as one sign (Windows, Linux) and as two (names that a Mac wrote).

    Folders may be spelled in one way and the file in another.
    """
    yield path
    if path.isascii():
        return
    split = max(path.rfind("/"), path.rfind("\\")) + 1
    for form in ("NFC", "NFD"):
        for other in (path[:split] + unicodedata.normalize(form, path[split:]), unicodedata.normalize(form, path)):
            if other != path:
                yield other


def _is_absolute(text: str) -> bool:
    return text.startswith(("/", "\\")) or bool(_DRIVE.match(text))


def _is_file(path: str) -> bool:
    try:
        return os.path.isfile(path)  # noqa: PTH113  (a path for another system is not a Path here)
    except (OSError, ValueError):
        return False


def _index(roots: Sequence[Path]) -> dict[str, list[str]]:
    """Files below the roots by lower-case name, in a stable order."""
    found: dict[str, list[str]] = {}
    count = 0
    for root in roots:
        for folder, folders, files in os.walk(root):
            folders.sort()
            for name in sorted(files):
                found.setdefault(_key(name), []).append(str(Path(folder) / name))
                count += 1
            if count > MAX_INDEXED_FILES:
                return found
    return found


def _agreement(path: str, parts: Sequence[str]) -> int:
    """How many components two paths share, counted from their ends."""
    own = [_key(p) for p in re.split(r"[\\/]", path)]
    count = 0
    for a, b in zip(reversed(own), reversed(parts), strict=False):
        if a != _key(b):
            break
        count += 1
    return count


def png_has_alpha(path: Path) -> bool:
    """Whether a PNG's colour type has an alpha channel (PNG 1.2, IHDR: types 4 and 6)."""
    try:
        with path.open("rb") as file:
            head = file.read(26)
    except OSError:
        return False
    return head[:8] == b"\x89PNG\r\n\x1a\n" and len(head) == 26 and head[25] in (4, 6)
