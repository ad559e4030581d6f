"""A film in one picture: its shots, its cuts, motion and emotion over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from v2m_bridge.errors import MediaError
from v2m_bridge.footage.model import FootageFeatures
from v2m_bridge.footage.video.motion import RgbReader
from v2m_bridge.footage.video.source import VideoSource
from v2m_bridge.footage.video.trace import UInt8Array
from v2m_bridge.music.emotions import EMOTIONS
from v2m_bridge.timeline.model import CutKind, Shot, Timeline

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage
    from PIL.ImageDraw import ImageDraw as Pen
    from PIL.ImageFont import FreeTypeFont
    from PIL.ImageFont import ImageFont as BitmapFont

WIDTH, MARGIN = 1600, 32
COLUMNS, MOST_SHOTS = 8, 48
CHART_HEIGHT, GAP = 150, 44

PAPER, INK, FAINT, LINE = (24, 25, 29), (232, 232, 236), (134, 137, 147), (62, 65, 74)
CUT_COLOUR, SOFT_COLOUR, ONSET_COLOUR, MOTION_COLOUR = (250, 250, 250), (112, 96, 160), (255, 196, 64), (74, 144, 201)
EMOTION_COLOURS: dict[str, tuple[int, int, int]] = {
    "exciting": (240, 150, 50),
    "fearful": (150, 95, 190),
    "tense": (205, 70, 70),
    "sad": (75, 115, 190),
    "relaxing": (95, 175, 110),
    "neutral": (140, 140, 145),
}


def draw_contact_sheet(timeline: Timeline, features: FootageFeatures) -> PillowImage:
    """The sheet as an RGB picture, 1600 pixels wide; shots that cannot be read are left empty."""
    return _Sheet(timeline, features).draw()


class _Sheet:
    def __init__(self, timeline: Timeline, features: FootageFeatures) -> None:
        from PIL import Image, ImageDraw

        self._timeline, self._features = timeline, features
        self._shots = _chosen(timeline.shots)
        self._cell = (WIDTH - 2 * MARGIN - 12 * (COLUMNS - 1)) // COLUMNS
        self._thumb_height = self._cell * 9 // 16
        rows = -(-len(self._shots) // COLUMNS)
        grid = rows * (self._thumb_height + 30)
        self._charts_top = 96 + grid + GAP
        self._image: PillowImage = Image.new("RGB", (WIDTH, self._charts_top + 2 * (CHART_HEIGHT + GAP) + 40), PAPER)
        self._pen: Pen = ImageDraw.Draw(self._image)

    def draw(self) -> PillowImage:
        self._title()
        self._grid()
        self._motion(self._charts_top)
        self._emotion(self._charts_top + CHART_HEIGHT + GAP)
        self._axis(self._charts_top + 2 * (CHART_HEIGHT + GAP) - GAP + 8)
        return self._image

    def _title(self) -> None:
        t = self._timeline
        hard = sum(cut.kind is CutKind.CUT for cut in t.cuts)
        soft = len(t.cuts) - hard
        self._pen.text((MARGIN, 24), t.name, INK, _font(28))
        rate = f"{float(t.rate):.3f}".rstrip("0").rstrip(".")
        facts = [f"{t.duration_s:.1f} s at {rate} fps", f"starts {t.timecode(0)}", _count(len(t.shots), "shot")]
        facts += [_count(hard, "cut")] + ([_count(soft, "transition")] if soft else [])
        self._pen.text((MARGIN, 62), "   ".join(facts), FAINT, _font(16))

    def _grid(self) -> None:
        from PIL import Image

        for number, (index, shot, picture) in enumerate(_pictures(self._shots, self._timeline)):
            left = MARGIN + number % COLUMNS * (self._cell + 12)
            top = 96 + number // COLUMNS * (self._thumb_height + 30)
            box = (left, top, left + self._cell, top + self._thumb_height)
            self._pen.rectangle(box, (36, 38, 44))
            if picture is not None:
                image = Image.fromarray(picture)
                image.thumbnail((self._cell, self._thumb_height))
                self._image.paste(
                    image, (left + (self._cell - image.width) // 2, top + (self._thumb_height - image.height) // 2)
                )
            else:
                self._pen.text((left + 10, top + 10), "offline" if shot.media else "no picture", FAINT, _font(13))
            length_s = shot.length_frames / float(self._timeline.rate)
            text = f"{index}  {self._timeline.timecode(shot.start_frame)}  {length_s:.1f} s"
            self._pen.text((left, box[3] + 5), text, FAINT, _font(13))

    def _x(self, seconds: float) -> float:
        share = seconds / max(1e-9, self._timeline.duration_s)
        return MARGIN + (WIDTH - 2 * MARGIN) * min(1.0, max(0.0, share))

    def _frame(self, top: int, label: str) -> None:
        self._pen.text((MARGIN, top - 22), label, INK, _font(15))
        self._pen.rectangle((MARGIN, top, WIDTH - MARGIN, top + CHART_HEIGHT), (30, 32, 37))

    def _motion(self, top: int) -> None:
        values, present = self._features.motion, self._features.motion_present
        scale = max(10.0, float(np.percentile(values[present], 98)) if present.any() else 10.0)
        self._frame(top, f"motion (mean RGB change once a second; top of the chart {scale:.0f})")
        for second in np.flatnonzero(present).tolist():
            height = CHART_HEIGHT * min(1.0, float(values[second]) / scale)
            box = (self._x(second), top + CHART_HEIGHT - height, self._x(second + 1) - 1, top + CHART_HEIGHT)
            self._pen.rectangle(box, MOTION_COLOUR)
        self._cuts(top)
        for onset in self._features.onsets:
            x, size = self._x(onset.seconds), 3 + 4 * onset.strength
            self._pen.polygon([(x - size, top), (x + size, top), (x, top + 2 * size)], ONSET_COLOUR)
        if self._features.onsets:
            self._legend(top - 22, [("sudden movement", ONSET_COLOUR)])

    def _emotion(self, top: int) -> None:
        present = self._features.emotion_present
        self._frame(top, "emotion" if present.any() else "emotion: absent (no CLIP weights on this machine)")
        for second in np.flatnonzero(present).tolist():
            y = float(top + CHART_HEIGHT)
            for name, share in zip(EMOTIONS, self._features.emotion[second], strict=True):
                height = CHART_HEIGHT * float(share)
                box = (self._x(second), y - height, self._x(second + 1), y)
                self._pen.rectangle(box, EMOTION_COLOURS[name])
                y -= height
        if present.any():
            self._legend(top - 22, list(EMOTION_COLOURS.items()))
        self._cuts(top)

    def _cuts(self, top: int) -> None:
        for cut in self._timeline.cuts:
            x = self._x(self._timeline.seconds(cut.frame))
            if cut.kind is CutKind.CUT or cut.span_start_frame is None or cut.span_end_frame is None:
                self._pen.line((x, top, x, top + CHART_HEIGHT), CUT_COLOUR, 1)
                continue
            span = [self._x(self._timeline.seconds(frame)) for frame in (cut.span_start_frame, cut.span_end_frame)]
            self._pen.rectangle((span[0], top, span[1], top + 6), SOFT_COLOUR)
            self._pen.line((x, top, x, top + CHART_HEIGHT), SOFT_COLOUR, 1)

    def _legend(self, top: int, entries: Sequence[tuple[str, tuple[int, int, int]]]) -> None:
        x = float(WIDTH - MARGIN)
        for name, colour in reversed(entries):
            x -= self._pen.textlength(name, _font(13))
            self._pen.text((x, top + 2), name, FAINT, _font(13))
            x -= 18
            self._pen.rectangle((x, top + 4, x + 11, top + 15), colour)
            x -= 16

    def _axis(self, top: int) -> None:
        step = _tick(self._timeline.duration_s)
        seconds = 0.0
        while seconds <= self._timeline.duration_s:
            x = self._x(seconds)
            self._pen.line((x, top - 8, x, top - 2), LINE, 1)
            label = f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
            self._pen.text((min(x, WIDTH - MARGIN - 30), top), label, FAINT, _font(13))
            seconds += step


def _chosen(shots: Sequence[Shot]) -> list[tuple[int, Shot]]:
    """At most 48 shots with their numbers, evenly spread over the film."""
    numbered = list(enumerate(shots, 1))
    if len(numbered) <= MOST_SHOTS:
        return numbered
    return [numbered[round(n * (len(numbered) - 1) / (MOST_SHOTS - 1))] for n in range(MOST_SHOTS)]


def _pictures(shots: Sequence[tuple[int, Shot]], timeline: Timeline) -> Iterator[tuple[int, Shot, UInt8Array | None]]:
    """Each shot with its middle picture; neighbouring shots of one file share one opened file."""
    reader, source, opened = RgbReader(), None, ""
    try:
        for index, shot in shots:
            picture: UInt8Array | None = None
            if shot.media is not None and shot.media_online:
                middle_s = shot.source_start_s + shot.length_frames / 2 / float(timeline.rate) * shot.speed
                try:
                    if source is None or opened != shot.media:
                        source = _reopened(source, shot.media)
                        opened = shot.media
                    picture = _picture_at(source, max(0.0, middle_s), reader)
                except MediaError:
                    source, opened = None, ""
            yield index, shot, picture
    finally:
        if source is not None:
            source.close()


def _reopened(before: VideoSource | None, media: str) -> VideoSource:
    if before is not None:
        before.close()
    return VideoSource(Path(media)).__enter__()


def _picture_at(source: VideoSource, seconds: float, reader: RgbReader) -> UInt8Array | None:
    for picture in source.pictures(seconds, seconds + 1):
        return np.ascontiguousarray(np.rot90(reader.rgb(picture.frame), source.info.rotation_deg // 90 % 4))
    return None


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")


def _tick(duration_s: float) -> float:
    """Seconds between two labels, so that there are about ten."""
    return next((step for step in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600) if duration_s / step <= 14), 1200)


def _font(size: int) -> FreeTypeFont | BitmapFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)
