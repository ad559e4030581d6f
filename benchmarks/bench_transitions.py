"""How many gradual transitions are found on moving footage, by kind and length, beside the hard cuts.

    python benchmarks/bench_transitions.py CLIP[@PICTURE]... [--hard FILM=CUTS.txt]

Takes ten shots from the clips (divided at their hard cuts; short ones run to and fro), joins them with FFmpeg's xfade
into nine films, in which each of nine kinds has each of nine lengths once, encodes them as H.264 and reads them as
``v2m-bridge`` does. A transition is found when a cut of any kind touches its span, two pictures more on either side.
A clip may begin at a later picture, past a transition of its own. Nothing here may have been trained on. ``--hard``
compares the hard cuts of a film with a list of frames, one picture apart.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from v2m_bridge.footage.passes.film import scan_film
from v2m_bridge.footage.video.source import VideoSource
from v2m_bridge.timeline.model import Cut, CutKind

KINDS = ("fade", "dissolve", "fadeblack", "fadewhite", "wipeleft", "smoothup", "circleopen", "slideright", "slidedown")
"""Names of ``xfade``; ``fade`` is the plain dissolve, ``dissolve`` the one by grains."""
DISSOLVES = ("fade", "dissolve")
LENGTHS = (2, 4, 6, 10, 16, 24, 32, 48, 60)
SIZE, RATE, SHOTS = (320, 180), Fraction(25), 10
SHORTEST_SHOT, SHOT_LENGTH, TOLERANCE = 40, 150, 2

Shot = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Join:
    """A transition of a film: pictures ``[start, end)`` come from ``xfade``."""

    kind: str
    start: int
    end: int


def shots_of(clip: str) -> Iterator[Shot]:
    """The shots of a clip that are long enough, each as ``[SHOT_LENGTH, h, w, 3]`` RGB."""
    name, _, first = clip.partition("@")
    path = Path(name)
    cuts = [cut.frame for cut in scan_film(path).cuts if cut.kind is CutKind.CUT]
    with VideoSource(path) as source:
        pictures = [picture.frame.reformat(*SIZE, "rgb24").to_ndarray() for picture in source.pictures()]
    for start, end in itertools.pairwise([int(first or 0), *cuts, len(pictures)]):
        if end - start >= SHORTEST_SHOT:
            there = list(range(start, end))
            index = list(itertools.islice(itertools.cycle(there + there[-2:0:-1]), SHOT_LENGTH))
            yield np.asarray([pictures[i] for i in index], np.uint8)


def xfade(a: Shot, b: Shot, kind: str) -> Shot:
    """FFmpeg's pictures of a transition over the whole of ``a`` and ``b``."""
    import av
    from av.filter import Graph

    length, graph = len(a), Graph()
    base = Fraction(1, int(RATE))
    ends = []
    for _ in range(2):
        source = graph.add_buffer(width=SIZE[0], height=SIZE[1], format=av.VideoFormat("yuv444p"), time_base=base)
        rate = graph.add("fps", str(RATE))
        source.link_to(rate)
        ends.append((source, rate))
    mixer = graph.add("xfade", f"transition={kind}:duration={float(length / RATE)}:offset=0")
    sink = graph.add("buffersink")
    for number, (_, rate) in enumerate(ends):
        rate.link_to(mixer, 0, number)
    mixer.link_to(sink)
    graph.configure()
    for (source, _), pictures in zip(ends, (a, b), strict=True):
        for number, picture in enumerate([*pictures, pictures[-1]]):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv444p")
            frame.pts, frame.time_base = number, base
            source.push(frame)
        source.push(None)
    mixed: list[Shot] = []
    while len(mixed) < length:
        frame = sink.pull()
        assert isinstance(frame, av.VideoFrame)
        mixed.append(np.asarray(frame.reformat(format="rgb24").to_ndarray(), np.uint8))
    return np.asarray(mixed, np.uint8)


def join(shots: Sequence[Shot], film: int) -> tuple[list[Shot], list[Join]]:
    """Pictures of a film and its transitions; film n gives kind k the length ``(k + n) % 9``."""
    order = [shots[(n * (1 + film % 3) + film) % len(shots)] for n in range(SHOTS)]
    pictures, joins = list(order[0]), []
    for number, shot in enumerate(order[1:]):
        kind, length = KINDS[number], LENGTHS[(number + film) % len(LENGTHS)]
        tail = np.asarray(pictures[-length:], np.uint8)
        pictures[-length:] = list(xfade(tail, shot[:length], kind))
        joins.append(Join(kind, len(pictures) - length, len(pictures)))
        pictures += list(shot[length:])
    return pictures, joins


def encode(path: Path, pictures: Sequence[Shot]) -> None:
    """Write the film as H.264."""
    from v2m_bridge.demo.synthesis import encode_film

    encode_film(path, iter(pictures), size=SIZE, rate=RATE, options={"preset": "veryfast", "crf": "23"})


def touches(cut: Cut, a: Join) -> bool:
    """Whether a cut or its span lies at a transition."""
    start = cut.frame if cut.span_start_frame is None else cut.span_start_frame
    end = cut.frame + 1 if cut.span_end_frame is None else max(cut.span_end_frame, cut.frame + 1)
    return start < a.end + TOLERANCE and end > a.start - TOLERANCE


@dataclass
class Tally:
    """Transitions that exist and that were found, by kind and length; cuts that were reported in all."""

    found: dict[tuple[str, int], int]
    reported: int = 0
    right: int = 0


def bench_joins(shots: Sequence[Shot]) -> None:
    """Join, read and count."""
    tally = Tally({})
    with tempfile.TemporaryDirectory() as folder:
        for film in range(len(LENGTHS)):
            pictures, joins = join(shots, film)
            path = Path(folder) / f"{film}.mp4"
            encode(path, pictures)
            cuts = scan_film(path).cuts
            for one in joins:
                tally.found[one.kind, one.end - one.start] = int(any(touches(cut, one) for cut in cuts))
            tally.reported += len(cuts)
            tally.right += sum(any(touches(cut, one) for cut in cuts) for one in joins)
    print_table(tally)


def print_table(tally: Tally) -> None:
    """Recall by kind and length, and precision: every cut beyond the first at a transition is a false one."""
    print(f"{'':<12}" + "".join(f"{length:>4}" for length in LENGTHS) + "  recall")
    for kind in KINDS:
        row = [tally.found[kind, length] for length in LENGTHS]
        print(f"{kind:<12}" + "".join(f"{value:>4}" for value in row) + f"  {np.mean(row):.2f}")
    columns = [np.mean([tally.found[kind, length] for kind in KINDS]) for length in LENGTHS]
    print(f"{'recall':<12}" + "".join(f"{value:>4.1f}" for value in columns))
    every, dissolves = list(tally.found.values()), [v for (kind, _), v in tally.found.items() if kind in DISSOLVES]
    print(f"recall {np.mean(every):.3f} of {len(every)}, dissolves {np.mean(dissolves):.3f} of {len(dissolves)}")
    short = [value for (_, length), value in tally.found.items() if length <= 6]
    print(
        f"of 2 to 6 pictures {np.mean(short):.3f}, longer {(sum(every) - sum(short)) / (len(every) - len(short)):.3f}"
    )
    print(f"precision {tally.right / max(1, tally.reported):.3f} of {tally.reported}")


def bench_hard(film: Path, truth: Sequence[int]) -> None:
    """Hard cuts of a film against a list of frames."""
    found = scan_film(film).cuts
    frames = [cut.frame for cut in found if cut.kind is CutKind.CUT]
    left, hits = list(truth), 0
    for frame in frames:
        near = [other for other in left if abs(other - frame) <= 1]
        if near:
            left.remove(near[0])
            hits += 1
    f1 = 2 * hits / max(1, len(frames) + len(truth))
    print(f"{film.name}: {hits} of {len(truth)} hard cuts, {len(frames) - hits} false, F1 {f1:.4f}, missed {left}")
    besides = [(cut.kind.value, cut.span_start_frame, cut.span_end_frame) for cut in found if cut.frame not in frames]
    print(f"  transitions besides: {besides}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", metavar="CLIP[@PICTURE]")
    parser.add_argument("--hard", action="append", default=[], metavar="FILM=CUTS.txt", help="one frame a line")
    options = parser.parse_args()
    if options.clips:
        shots = list(itertools.chain.from_iterable(shots_of(clip) for clip in options.clips))
        step = max(1, len(shots) // SHOTS)
        bench_joins(shots[::step][:SHOTS] if len(shots) >= SHOTS else shots)
    for pair in options.hard:
        film, _, cuts = pair.rpartition("=")
        bench_hard(Path(film), [int(line) for line in Path(cuts).read_text(encoding="utf-8").split()])


if __name__ == "__main__":
    main()
