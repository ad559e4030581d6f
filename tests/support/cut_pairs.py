"""Random pairs of cuts with the truth: which old frame every new frame shows.

A cut is a list of clips of takes. Edits change the list and carry along where each clip's picture stood in the old
cut; damage then renames or re-wraps the media of the new cut without touching the picture.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from v2m_bridge.timeline.model import Shot, Timeline

EDITS = (
    *("trim_head", "trim_tail", "lift_inside", "slip", "roll", "swap", "move_scene", "insert", "delete", "split"),
    *("vfx", "retime", "replace", "leave_gap", "extend", "duplicate"),
)
DAMAGES = (
    *("none", "versions", "names", "media", "names_and_media", "handles", "handles_and_media", "everything"),
    *("renumbered", "flattened", "to_shot_files", "folders", "swapped_files"),
)
STYLES = ("shot_files", "camera_files", "one_film", "names_only")


@dataclass(frozen=True)
class Clip:
    """``old`` is the old frame of the clip's first frame, None for new picture; ``slope`` old frames a new frame.

    ``blade``: a finished film cut up at its scene changes, where a change of clip is a cut though the source goes on.
    """

    take: int
    source: int
    length: int
    media: str
    name: str
    old: int | None = None
    speed: float = 1.0
    slope: float = 1.0
    blade: bool = False


@dataclass(frozen=True)
class CutPair:
    """``truth[f]``: old frame that new frame ``f`` shows, None for new picture, -1 where any answer is right."""

    old: Timeline
    new: Timeline
    truth: tuple[int | None, ...]
    edits: tuple[str, ...]


def cut_pair(
    seed: int,
    *,
    shots: int = 80,
    edits: int = 5,
    damage: str = "none",
    style: str | None = None,
    rate: Fraction = Fraction(24),
    kinds: Sequence[str] = EDITS,
    start_frames: tuple[int, int] = (0, 0),
) -> CutPair:
    """One random pair; the same seed and options give the same pair."""
    draw = random.Random(f"{seed} {shots} {edits} {damage} {style}")
    style = style or draw.choice(STYLES)
    clips = _first_cut(draw, shots, style)
    old = _timeline(clips, rate, start_frames[0], "cut 1")
    frame, placed = 0, []
    for clip in clips:
        placed.append(replace(clip, old=frame))
        frame += clip.length
    done = []
    for _ in range(edits):
        kind = draw.choice(list(kinds))
        _EDIT[kind](placed, draw)
        done.append(kind)
    placed = [c for c in placed if c.length > 0]
    new = _timeline(_damaged(placed, draw, damage), rate, start_frames[1], "cut 2")
    shown = {(c.take, c.source + round(k * c.speed)) for c in clips for k in range(c.length)}
    return CutPair(old, new, tuple(_truth(placed, shown)), tuple(done))


def figures(pair: CutPair, old_of: Callable[[int], int | None]) -> tuple[int, int, int]:
    """Frames in the right place, in a wrong place, and kept in truth; retimed frames count neither way."""
    right = wrong = kept = 0
    for frame, true in enumerate(pair.truth):
        if true == -1:
            continue
        found = old_of(frame)
        kept += true is not None
        right += true is not None and found == true
        wrong += found is not None and found != true
    return right, wrong, kept


def _length(draw: random.Random, even: bool) -> int:
    length = min(700, max(6, int(draw.lognormvariate(4.2, 0.75))))
    return max(12, length // 12 * 12) if even else length


def _first_cut(draw: random.Random, shots: int, style: str) -> list[Clip]:
    even = draw.random() < 0.2
    clips: list[Clip] = []
    film = 0
    files = [f"A{draw.randrange(1, 9):03d}C{n:03d}_{draw.randrange(10**6):06d}" for n in range(1, max(4, shots // 4))]
    ends = dict.fromkeys(files, 200)
    handle = draw.choice([0, 8, 12, 24])
    for n in range(shots):
        length = _length(draw, even)
        if clips and style != "one_film" and draw.random() < 0.15:
            other = draw.choice(clips)
            if other.media:
                most = max(6, min(length, other.length))
                clips.append(replace(other, source=other.source + draw.choice([0, 0, 5]), length=most))
                continue
        code = f"SC{draw.randrange(1, 40):02d}_{(n + 1) * 10:04d}"
        if style == "shot_files":
            clips.append(Clip(n, handle, length, f"/vfx/in/{code}_comp_v{draw.randrange(1, 20):03d}.mov", code))
        elif style == "one_film":
            clips.append(Clip(0, film, length, "/film/The_Film_UHD.mov", "", blade=True))
        else:
            file = draw.choice(files)
            source = ends[file] + draw.randrange(0, 400)
            ends[file] = source + length
            media = f"/cam/{file}.mxf" if style == "camera_files" else ""
            name = code if style == "camera_files" and even else file
            clips.append(Clip(hash_of(file), source, length, media, name))
        film += length
        if style != "one_film" and draw.random() < 0.01:
            clips.append(Clip(-1, 0, draw.randrange(4, 40), "", ""))
    return clips


def hash_of(text: str) -> int:
    """A number for a text that is the same in every run."""
    return int.from_bytes(text.encode()[-6:], "big")


def _pick(clips: Sequence[Clip], draw: random.Random, least: int = 12) -> int:
    fit = [n for n, c in enumerate(clips) if c.length >= least and c.take != -1]
    return draw.choice(fit or [max(range(len(clips)), key=lambda n: clips[n].length)])


def _from(clip: Clip, start: int, length: int) -> Clip:
    """A part of a clip."""
    old = None if clip.old is None else clip.old + round(start * clip.slope)
    return replace(clip, source=clip.source + round(start * clip.speed), length=length, old=old)


def _trim_head(clips: list[Clip], draw: random.Random) -> None:
    n = _pick(clips, draw)
    cut = draw.randrange(1, max(2, clips[n].length // 2))
    clips[n] = _from(clips[n], cut, clips[n].length - cut)


def _trim_tail(clips: list[Clip], draw: random.Random) -> None:
    n = _pick(clips, draw)
    clips[n] = _from(clips[n], 0, clips[n].length - draw.randrange(1, max(2, clips[n].length // 2)))


def _lift_inside(clips: list[Clip], draw: random.Random) -> None:
    n = _pick(clips, draw, 40)
    c = clips[n]
    a = draw.randrange(4, c.length // 2)
    lost = draw.randrange(1, c.length - a - 2)
    clips[n : n + 1] = [_from(c, 0, a), _from(c, a + lost, c.length - a - lost)]


def _slip(clips: list[Clip], draw: random.Random) -> None:
    """The same room, other source: what still overlaps is kept, elsewhere in the shot."""
    n = _pick(clips, draw, 30)
    c = clips[n]
    by = draw.randrange(1, 8)
    clips[n : n + 1] = [_from(c, by, c.length - by), replace(_from(c, 0, by), source=c.source + c.length, old=None)]


def _roll(clips: list[Clip], draw: random.Random) -> None:
    """The cut between two shots moves later: the first is longer, the second loses its head."""
    n = min(_pick(clips, draw, 30), len(clips) - 2)
    a, b = clips[n], clips[n + 1]
    by = min(draw.randrange(1, 8), b.length - 2)
    if by < 1 or b.take == -1 or a.take == -1:
        return
    longer = replace(a, source=a.source + round(a.length * a.speed), length=by, old=None)
    clips[n : n + 2] = [a, longer, _from(b, by, b.length - by)]


def _swap(clips: list[Clip], draw: random.Random) -> None:
    n = draw.randrange(len(clips) - 1)
    clips[n], clips[n + 1] = clips[n + 1], clips[n]


def _move_scene(clips: list[Clip], draw: random.Random) -> None:
    size = draw.randrange(2, 9)
    n = draw.randrange(max(1, len(clips) - size))
    scene = clips[n : n + size]
    del clips[n : n + size]
    at = draw.randrange(len(clips) + 1)
    clips[at:at] = scene


def _new_clip(draw: random.Random, like: Clip) -> Clip:
    number = draw.randrange(10**6)
    media = f"/new/B{number:06d}.mov" if like.media or draw.random() < 0.5 else ""
    return Clip(-2 - number, draw.randrange(0, 300), _length(draw, False), media, f"B{number:06d}")


def _insert(clips: list[Clip], draw: random.Random) -> None:
    n = draw.randrange(len(clips) + 1)
    clips.insert(n, _new_clip(draw, clips[min(n, len(clips) - 1)]))


def _delete(clips: list[Clip], draw: random.Random) -> None:
    n = draw.randrange(len(clips) - 2)
    del clips[n : n + draw.choice([1, 1, 1, 2, 3])]


def _split(clips: list[Clip], draw: random.Random) -> None:
    n = _pick(clips, draw, 30)
    c = clips[n]
    at = draw.randrange(8, c.length - 8)
    clips[n : n + 1] = [_from(c, 0, at), _new_clip(draw, c), _from(c, at, c.length - at)]


def _vfx(clips: list[Clip], draw: random.Random) -> None:
    """A new version of one shot."""
    n = _pick(clips, draw)
    media = clips[n].media
    stem, dot, suffix = media.rpartition(".")
    name = clips[n].name
    clips[n] = replace(clips[n], media=f"{stem}_v{draw.randrange(20, 99):03d}{dot}{suffix}" if stem else "", name=name)


def _retime(clips: list[Clip], draw: random.Random) -> None:
    n = _pick(clips, draw)
    c = clips[n]
    speed = draw.choice([0.5, 0.75, 1.25, 2.0])
    clips[n] = replace(c, length=max(4, int(c.length / speed)), speed=c.speed * speed, slope=c.slope * speed)


def _replace(clips: list[Clip], draw: random.Random) -> None:
    n = _pick(clips, draw)
    clips[n] = replace(_new_clip(draw, clips[n]), length=clips[n].length)


def _leave_gap(clips: list[Clip], draw: random.Random) -> None:
    n = _pick(clips, draw)
    clips[n] = Clip(-1, 0, clips[n].length, "", "")


def _extend(clips: list[Clip], draw: random.Random) -> None:
    n = _pick(clips, draw)
    c = clips[n]
    more = replace(c, source=c.source + round(c.length * c.speed), length=draw.randrange(1, 30), old=None)
    clips[n : n + 1] = [c, more]


def _duplicate(clips: list[Clip], draw: random.Random) -> None:
    n = _pick(clips, draw)
    clips.insert(draw.randrange(len(clips) + 1), clips[n])


_EDIT: dict[str, Callable[[list[Clip], random.Random], None]] = {kind: globals()[f"_{kind}"] for kind in EDITS}


def _damaged(clips: Sequence[Clip], draw: random.Random, damage: str) -> list[Clip]:
    names: dict[str, str] = {}
    media: dict[str, str] = {}
    shift = draw.choice([12, 36, 48])

    def renamed(table: dict[str, str], text: str, suffix: str) -> str:
        if text not in table:
            table[text] = f"{draw.getrandbits(40):010x}{suffix}" if text else ""
        return table[text]

    out = []
    files = sorted({c.media for c in clips if c.media})
    partner = dict(zip(files, [*files[1:], *files[:1]], strict=True)) if damage == "swapped_files" else {}
    for n, clip in enumerate(clips):
        c = clip
        if c.take != -1:
            if damage in ("names", "names_and_media", "everything"):
                c = replace(c, name=renamed(names, c.name, ""))
            if damage in ("media", "names_and_media", "handles_and_media", "everything"):
                c = replace(c, media=renamed(media, c.media, ".mxf"))
            if damage in ("handles", "handles_and_media", "everything"):
                c = replace(c, source=c.source + shift)
            if damage == "versions":
                c = replace(c, name=f"{c.name}_v101" if c.name else "", media=c.media.replace(".", "_v101."))
            if damage == "renumbered":
                c = replace(c, name=f"shot_{n:03d}" if c.name else "", media=f"m/shot_{n:03d}.mov" if c.media else "")
            if damage == "folders":
                c = replace(c, media=c.media.replace("/", "/Volumes/x/").replace(".mov", ".exr"))
            if damage == "swapped_files":
                c = replace(c, media=partner.get(c.media, c.media))
        out.append(c)
    return _rewrapped(out, damage)


def _rewrapped(clips: list[Clip], damage: str) -> list[Clip]:
    """The whole film as one file, or every clip as a file of its own."""
    frame, out = 0, []
    for n, c in enumerate(clips):
        if damage == "flattened":
            out.append(replace(c, media="out/film_locked.mov", name="", source=frame, speed=1.0, blade=True))
        elif damage == "to_shot_files" and c.take != -1:
            out.append(replace(c, media=f"pull/{n:04d}{hash_of(c.name) % 1000}.mov", name="", source=10, speed=1.0))
        else:
            out.append(c)
        frame += c.length
    return out


def _timeline(clips: Sequence[Clip], rate: Fraction, start_frame: int, name: str) -> Timeline:
    """Clips in a row; pieces that continue one another are one shot, as the readers join them."""
    shots: list[Shot] = []
    frame = 0
    end_of_source = -1.0
    for c in clips:
        last = shots[-1] if shots else None
        through = (
            last is not None
            and (last.media or "") == c.media
            and last.name == c.name
            and last.speed == c.speed
            and abs(c.source - end_of_source) < 0.5
            and not c.blade
        )
        if through and last:
            shots[-1] = replace(last, end_frame=frame + c.length)
        else:
            start_s = float(Fraction(c.source) / rate)
            shots.append(Shot(frame, frame + c.length, c.media or None, False, start_s, c.speed, c.name))
        end_of_source = c.source + c.length * c.speed
        frame += c.length
    return Timeline(name, rate, start_frame, frame, tuple(shots))


def _truth(clips: Sequence[Clip], shown: set[tuple[int, int]]) -> list[int | None]:
    """``shown``: pictures of the old cut; one that an edit brought back has no single right place."""
    truth: list[int | None] = []
    for c in clips:
        if c.take == -1 or c.slope != 1:
            truth += [-1] * c.length
        elif c.old is None:
            truth += [-1 if (c.take, c.source + round(k * c.speed)) in shown else None for k in range(c.length)]
        else:
            truth += [c.old + k for k in range(c.length)]
    return truth
