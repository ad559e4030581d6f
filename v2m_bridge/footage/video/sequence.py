"""Image sequences: numbered pictures become one film in the cache, which everything else reads as a video."""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from v2m_bridge.errors import InputError, MediaError
from v2m_bridge.files.open_media import open_media
from v2m_bridge.files.rename import rename
from v2m_bridge.settings import cache_folder, make_folder

if TYPE_CHECKING:
    import av

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dpx", ".exr", ".bmp"})
"""Pictures that may be numbered."""

_NUMBERED = re.compile(r"(.*?)(\d+)(\.\w+)")
_PATTERN = re.compile(r"(.*)%0?(\d*)d(\.\w+)")


@dataclass(frozen=True)
class ImageSequence:
    """Pictures of one name, in the order of their numbers.

    Attributes:
        name: what stands before the number.
        files: the pictures.
        missing: how many numbers between the first and the last have no picture.
    """

    name: str
    files: tuple[Path, ...]
    missing: int


def is_sequence(path: Path) -> bool:
    """Whether ``path`` means numbered pictures: their first file, a name with ``%04d``, or their folder."""
    if path.is_dir():
        return any(_NUMBERED.fullmatch(f.name) and f.suffix.lower() in IMAGE_SUFFIXES for f in path.iterdir())
    return path.suffix.lower() in IMAGE_SUFFIXES and bool(_PATTERN.fullmatch(path.name) or path.is_file())


def find_sequence(path: Path) -> ImageSequence:
    """The pictures that ``path`` means; see :func:`is_sequence`. From a first file on, those with greater numbers.

    Raises:
        InputError: no such pictures, or several sequences in one folder.
    """
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        raise InputError(f"{folder} does not exist")
    groups: dict[tuple[str, str], list[tuple[int, Path]]] = {}
    for file in sorted(folder.iterdir()):
        match = _NUMBERED.fullmatch(file.name)
        if match and file.suffix.lower() in IMAGE_SUFFIXES:
            groups.setdefault((match[1], match[3].lower()), []).append((int(match[2]), file))
    key, first = _wanted(path, groups)
    numbered = sorted(item for item in groups.get(key, []) if item[0] >= first)
    if not numbered:
        raise InputError(f"{path} names no numbered pictures", "give the first picture, name.%04d.png or the folder")
    missing = numbered[-1][0] - numbered[0][0] + 1 - len(numbered)
    return ImageSequence(key[0].rstrip("._- ") or folder.name, tuple(file for _, file in numbered), missing)


def _wanted(path: Path, groups: dict[tuple[str, str], list[tuple[int, Path]]]) -> tuple[tuple[str, str], int]:
    """Which group ``path`` means, and its first number."""
    if path.is_dir():
        if len(groups) > 1:
            names = ", ".join(f"{name}*{suffix}" for name, suffix in sorted(groups)[:3])
            raise InputError(f"{path} holds several sequences: {names}", "give the first picture of one")
        return next(iter(groups), ("", "")), 0
    pattern = _PATTERN.fullmatch(path.name)
    if pattern:
        return (pattern[1], pattern[3].lower()), 0
    match = _NUMBERED.fullmatch(path.name)
    if match is None:
        raise InputError(f"{path.name} is a single picture, not a film", "give a video or numbered pictures")
    return (match[1], match[3].lower()), int(match[2])


def film_of_sequence(path: Path, rate: Fraction) -> tuple[Path, tuple[str, ...]]:
    """A film of the pictures that ``path`` means, made once and kept in the cache, and warnings.

    Raises:
        InputError: as :func:`find_sequence`.
        MediaError: a picture cannot be decoded, or is of another size than the first.
    """
    sequence = find_sequence(path)
    states = [(str(f.absolute()), f.stat().st_size, f.stat().st_mtime_ns) for f in sequence.files]
    key = hashlib.sha256(repr((states, str(rate))).encode()).hexdigest()[:24]
    folder = make_folder(cache_folder() / "sequences" / key)
    film = folder / f"{sequence.name}.mkv"
    if not film.is_file():
        with tempfile.TemporaryDirectory(dir=folder) as fresh:
            _encode(sequence, rate, Path(fresh) / film.name)
            rename(Path(fresh) / film.name, film)
    gaps = f"{sequence.name}: {sequence.missing} numbers of the sequence have no picture; the others follow one another"
    return film, (gaps,) if sequence.missing else ()


def _encode(sequence: ImageSequence, rate: Fraction, path: Path) -> None:
    """The pictures as FFV1: nothing is lost, but what is deeper than 8 bits."""
    import av

    with av.open(str(path), "w") as film:
        stream = film.add_stream("ffv1", rate)
        stream.pix_fmt = "bgr0"
        for number, file in enumerate(sequence.files):
            picture = _picture(file).reformat(format="bgr0")
            if not number:
                stream.width, stream.height = picture.width, picture.height
            if (picture.width, picture.height) != (stream.width, stream.height):
                raise MediaError(f"{file.name} is {picture.width}x{picture.height}, the first picture is not")
            picture.pts, picture.time_base = number, 1 / rate
            film.mux(stream.encode(picture))
        film.mux(stream.encode())


def _picture(file: Path) -> av.VideoFrame:
    import av

    try:
        with open_media(file) as container:
            return next(container.decode(video=0))
    except (av.error.FFmpegError, OSError, ValueError, StopIteration, IndexError) as error:
        raise MediaError(f"{file.name} cannot be decoded as a picture", "the sequence is damaged") from error
