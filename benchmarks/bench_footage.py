"""How fast footage is measured, as ratios within one run, on a film that this script makes.

    python benchmarks/bench_footage.py [--seconds 180] [--clip-stills 16] [--long] [--film FILE]

Prints these comparisons:

* our pass (cuts and motion) against bare decoding with the same threads, and against the three passes of the published
  scripts
* a second run, which reads the cache, against the first
* CLIP in batches with bfloat16, against each picture alone and twice with float32, as published
* with ``--long``, the peak memory on a film of two hours
"""

from __future__ import annotations

import argparse
import copy
import functools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

SIZE, RATE = (1920, 1080), Fraction(25)
SHOT_FRAMES = 83
BITRATE = "8M"
"""Usual bit rate of a 1080p file for review."""


def pictures(seconds: int) -> Iterator[np.ndarray]:
    """Pans over textured pictures with film grain, and a cut every 3.3 seconds."""
    from v2m_bridge.demo.synthesis import Scene, ShotPlan, draw_film

    width, height = SIZE
    rng = np.random.default_rng(11)
    scenes = [Scene.LANDSCAPE, Scene.SKYLINE, Scene.WAVES, Scene.TUNNEL, Scene.SHAPES]
    plans = [ShotPlan(scene, 1) for scene in scenes * 2]
    wide = [np.concatenate([p, p[:, ::-1]], axis=1) for p in draw_film(plans, SIZE, 5)]
    grain = rng.integers(0, 25, (height + 64, width + 64, 3), np.uint8)
    for frame in range(seconds * int(RATE)):
        shot, inside = divmod(frame, SHOT_FRAMES)
        left = (inside * (2 + shot % 7)) % width
        y, x = rng.integers(0, 64, 2)
        picture = wide[shot % len(wide)][:, left : left + width]
        yield np.clip(picture, 0, 230) + grain[y : y + height, x : x + width]


def make_film(path: Path, seconds: int) -> None:
    """Encode the pictures as 1080p h264."""
    from v2m_bridge.demo.synthesis import encode_film

    encode_film(path, pictures(seconds), size=SIZE, rate=RATE, options={"preset": "veryfast", "b": BITRATE})


def timed(work: Callable[[], object]) -> float:
    """Wall seconds of ``work``."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def best_of(count: int, *works: Callable[[], object]) -> list[float]:
    """Shortest time of ``count`` runs of each work, alternating so that other load affects all of them."""
    times = [[timed(work) for work in works] for _ in range(count)]
    return [min(column) for column in zip(*times, strict=True)]


def bare_decode(path: Path) -> None:
    """Decode a film and do nothing with it."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = 0
        for _ in container.decode(stream):
            pass


def our_pass(path: Path) -> None:
    """Decode a film and find its cuts and motion."""
    from v2m_bridge.footage.passes.film import scan_film

    scan_film(path)


def published_passes(path: Path, folder: Path) -> None:
    """Write one picture a second as JPEG, find scenes, measure motion; each reads the film anew, as published."""
    import av
    import cv2
    from scenedetect import AdaptiveDetector, SceneManager, open_video

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        last = -1.0
        for frame in container.decode(stream):
            if frame.time is not None and frame.time - last >= 1:
                frame.to_image().save(folder / f"{int(frame.time):05d}.jpg", quality=100)
                last = frame.time
    manager = SceneManager()
    manager.add_detector(AdaptiveDetector())
    manager.detect_scenes(open_video(str(path)), show_progress=False)
    film, before, last = cv2.VideoCapture(str(path)), None, 0.0
    while True:
        there, picture = film.read()
        if not there:
            break
        now = film.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if before is not None and now - last >= 1:
            cv2.cvtColor(cv2.absdiff(picture, before), cv2.COLOR_BGR2RGB).mean()
            last = int(now)
        before = picture.copy()
    film.release()


def bench_decoding(path: Path, seconds: int) -> None:
    """Our pass against bare decoding and against the published passes."""
    with tempfile.TemporaryDirectory() as folder:
        repeats = 3 if seconds <= 60 else 2
        bare, ours, published = best_of(
            repeats, lambda: bare_decode(path), lambda: our_pass(path), lambda: published_passes(path, Path(folder))
        )
    print(f"bare decoding            {bare:8.2f} s  {seconds / bare:6.1f} x real time")
    print(f"our pass, cuts + motion  {ours:8.2f} s  {ours / bare:6.2f} x bare decoding        (at most 1.30)")
    print(f"three published passes   {published:8.2f} s  {published / ours:6.2f} x our pass            (at least 2.50)")


def bench_cache(path: Path) -> None:
    """A second run, from the cache, against the first."""
    from v2m_bridge.footage.bare_video import read_video
    from v2m_bridge.footage.measure import MeasureOptions, measure

    def run() -> None:
        measure(read_video(path), MeasureOptions(clip=False))

    with tempfile.TemporaryDirectory() as home:
        os.environ["V2M_HOME"] = home
        first, second = timed(run), timed(run)
        del os.environ["V2M_HOME"]
    print(f"first run                {first:8.2f} s")
    print(f"second run, from cache   {second:8.3f} s  {second / first:6.2%} of the first         (under 2 %)")


def bench_clip(count: int) -> None:
    """CLIP as we run it against CLIP as published; the real network with random weights."""
    import logging

    import torch

    from v2m_bridge.footage.clip.encoder import CLIP_MODEL, ClipEncoder, import_open_clip
    from v2m_bridge.music.emotions import EMOTIONS

    logging.disable(logging.WARNING)
    open_clip = import_open_clip()
    model = open_clip.create_model(CLIP_MODEL, pretrained=None, force_quick_gelu=True).eval()
    tokenizer = open_clip.get_tokenizer(CLIP_MODEL)
    stills = list(np.random.default_rng(0).integers(0, 256, (count, 336, 336, 3), np.uint8))
    tokens, alone = tokenizer(list(EMOTIONS)), max(1, count // 8)

    def published() -> None:
        with torch.no_grad():
            for still in stills[:alone]:  # once for the semantics
                model.encode_image(torch.from_numpy(still).permute(2, 0, 1)[None].float() / 255)
            for still in stills[:alone]:  # and once more for the emotions, words included
                model(torch.from_numpy(still).permute(2, 0, 1)[None].float() / 255, tokens)

    encoder = ClipEncoder(copy.deepcopy(model), tokenizer, device="cpu", precision="auto")
    encoder.encode(stills[:2])
    ours = functools.partial(encoder.encode, stills)
    plain, batched = (least / n for least, n in zip(best_of(2, published, ours), (alone, count), strict=True))
    work = [-time.process_time()]
    published()
    work += [time.process_time()]
    ours()
    processor = (work[0] + work[1]) / alone / ((time.process_time() - work[1]) / count)
    print(f"CLIP float32, one by one, twice  {1 / plain:8.3f} pictures/s")
    print(f"CLIP bfloat16, batches           {1 / batched:8.3f} pictures/s  {plain / batched:5.2f} x  (at least 5)")
    print(f"the same in processor time, which a busy machine does not change      {processor:5.2f} x")


LONG = """
import resource, sys
from pathlib import Path
from v2m_bridge.footage.passes.film import scan_film
scan = scan_film(Path(sys.argv[1]))
print(scan.duration_frames, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def bench_memory(folder: Path) -> None:
    """Peak memory of a film of two hours; its pictures are small, because memory grows with their number only."""
    from v2m_bridge.demo.synthesis import encode_film

    path, size = folder / "long.mp4", (256, 144)
    noise = np.random.default_rng(1).integers(0, 256, (40, size[1], size[0], 3), np.uint8)
    frames = (noise[(n // 100) % 40] for n in range(2 * 3600 * 24))
    quick = {"preset": "ultrafast", "crf": "30"}
    encode_film(path, frames, size=size, rate=Fraction(24), options=quick)
    run = subprocess.run([sys.executable, "-c", LONG, str(path)], capture_output=True, text=True, check=True)
    count, kilobytes = map(int, run.stdout.split())
    print(f"two-hour film            {count} frames, peak memory {kilobytes / 1024:.0f} MB  (under 1000)")


def main() -> None:
    """Print all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=180)
    parser.add_argument("--clip-stills", type=int, default=16, help="0: leave CLIP out")
    parser.add_argument("--long", action="store_true", help="also measure memory on two hours")
    parser.add_argument("--film", type=Path, help="where to keep the film between runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        film = options.film or Path(name) / "film.mp4"
        if not film.exists():
            print(f"making {options.seconds} s of {SIZE[0]}x{SIZE[1]} h264 ({os.cpu_count()} cores) ...", flush=True)
            make_film(film, options.seconds)
            print(f"{film.stat().st_size * 8 / options.seconds / 1e6:.1f} Mbit/s")
        bench_decoding(film, options.seconds)
        bench_cache(film)
        if options.clip_stills:
            bench_clip(options.clip_stills)
        if options.long:
            bench_memory(Path(name))


if __name__ == "__main__":
    main()
