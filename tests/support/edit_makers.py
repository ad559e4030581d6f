"""Edits in every format, made by the tests themselves."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def rt(value: float, rate: float = 24.0) -> Json:
    return {"OTIO_SCHEMA": "RationalTime.1", "rate": rate, "value": value}


def span(start: float, length: float, rate: float = 24.0) -> Json:
    return {"OTIO_SCHEMA": "TimeRange.1", "start_time": rt(start, rate), "duration": rt(length, rate)}


def media(url: str | None, start: float = 0, length: float | None = 10_000, rate: float = 24.0) -> Json:
    """An external reference, or a missing one without url."""
    ref: Json = {"OTIO_SCHEMA": "ExternalReference.1" if url else "MissingReference.1", "name": ""}
    if url:
        ref["target_url"] = url
    ref["available_range"] = None if length is None else span(start, length, rate)
    return ref


def speed(scalar: float) -> Json:
    return {"OTIO_SCHEMA": "LinearTimeWarp.1", "effect_name": "", "time_scalar": scalar}


def clip(name: str, start: float, length: float, rate: float = 24.0, **more: Any) -> Json:
    """A clip on media of its own name; ``reference``, ``effects``, ``markers``, ``enabled`` may be given."""
    reference = more.pop("reference", media(f"/nowhere/{name}.mov", rate=rate))
    return {
        "OTIO_SCHEMA": "Clip.2",
        "name": name,
        "source_range": span(start, length, rate),
        "media_references": {"DEFAULT_MEDIA": reference},
        "active_media_reference_key": "DEFAULT_MEDIA",
        **more,
    }


def gap(length: float, rate: float = 24.0) -> Json:
    return {"OTIO_SCHEMA": "Gap.1", "source_range": span(0, length, rate)}


def dissolve(before: float, after: float, rate: float = 24.0, kind: str = "SMPTE_Dissolve", name: str = "") -> Json:
    return {
        "OTIO_SCHEMA": "Transition.1",
        "name": name,
        "transition_type": kind,
        "in_offset": rt(before, rate),
        "out_offset": rt(after, rate),
    }


def track(*children: Json, kind: str = "Video", **more: Any) -> Json:
    return {"OTIO_SCHEMA": "Track.1", "kind": kind, "children": list(children), **more}


def stack(*children: Json, **more: Any) -> Json:
    return {"OTIO_SCHEMA": "Stack.1", "name": "nest", "children": list(children), **more}


def marker(name: str, start: float, length: float = 1, rate: float = 24.0, **more: Any) -> Json:
    return {
        "OTIO_SCHEMA": "Marker.2",
        "name": name,
        "color": "RED",
        "marked_range": span(start, length, rate),
        "metadata": {},
        **more,
    }


def timeline(*tracks: Json, start: float | None = None, rate: float = 24.0, markers: tuple[Json, ...] = ()) -> Json:
    return {
        "OTIO_SCHEMA": "Timeline.1",
        "name": "made",
        "global_start_time": None if start is None else rt(start, rate),
        "tracks": {"OTIO_SCHEMA": "Stack.1", "name": "tracks", "children": list(tracks), "markers": list(markers)},
    }


def write_otio(path: Path, document: Json) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def write_otioz(path: Path, document: Json, files: dict[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("content.otio", json.dumps(document))
        bundle.writestr("version.txt", "1.0.0")
        for name, data in (files or {}).items():
            bundle.writestr(name, data)
    return path


EDL = """TITLE: Made by hand
FCM: NON-DROP FRAME

001  AX       V     C        00:00:10:00 00:00:12:00 01:00:00:00 01:00:02:00
* FROM CLIP NAME: first.mov
002  AX       V     C        00:00:20:00 00:00:21:12 01:00:02:00 01:00:03:12
* FROM CLIP NAME: second.mov
003  AX       V     C        00:00:21:12 00:00:21:12 01:00:03:12 01:00:03:12
003  TAPE7    V     D    024 00:00:05:00 00:00:08:00 01:00:03:12 01:00:06:12
* FROM CLIP NAME: second.mov
* TO CLIP NAME: third.mov
004  TAPE8    V     C        00:00:00:00 00:00:04:00 01:00:06:12 01:00:08:12
M2   TAPE8          048.0                00:00:00:00
005  AX       A     C        00:00:00:00 00:00:08:12 01:00:00:00 01:00:08:12
* LOC: 01:00:02:00 RED     hit here
"""

FCPXML = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE fcpxml>
<fcpxml version="1.10">
  <resources>
    <format id="r1" frameDuration="1001/30000s" width="1920" height="1080"/>
    <asset id="r2" name="one" start="3600s" duration="100s" hasVideo="1" format="r1">
      <media-rep kind="original-media" src="file:///nowhere/one%20shot.mov"/>
    </asset>
    <asset id="r3" name="two" start="0s" duration="100s" hasVideo="1" format="r1" src="file:///nowhere/two.mov"/>
    <asset id="r5" name="music" start="0s" duration="100s" hasAudio="1" src="file:///nowhere/music.wav"/>
    <media id="r4" name="nest">
      <sequence format="r1" duration="60060/30000s" tcStart="0s">
        <spine>
          <asset-clip ref="r2" offset="0s" start="3610s" duration="30030/30000s"/>
          <asset-clip ref="r3" offset="30030/30000s" start="5s" duration="30030/30000s"/>
        </spine>
      </sequence>
    </media>
  </resources>
  <library><event><project name="Made">
    <sequence format="r1" tcStart="107999892/30000s" tcFormat="DF" duration="200200/30000s">
      <spine>
        <asset-clip ref="r2" offset="107999892/30000s" name="one" start="3601s" duration="40040/30000s">
          <asset-clip ref="r3" lane="1" offset="108060030/30000s" name="over" start="1s" duration="10010/30000s"/>
          <title lane="2" offset="3601s" name="Name" duration="20020/30000s"/>
          <asset-clip ref="r5" lane="-1" offset="3601s" duration="200200/30000s"/>
          <marker start="108040010/30000s" duration="1001/30000s" value="HIT" note="door"/>
        </asset-clip>
        <transition name="Cross Dissolve" offset="108034927/30000s" duration="10010/30000s"/>
        <ref-clip ref="r4" offset="108039932/30000s" name="nest" start="15015/30000s" duration="30030/30000s"/>
        <gap offset="108069962/30000s" name="Gap" duration="20020/30000s"/>
        <asset-clip ref="r3" offset="108089982/30000s" name="two" start="20s" duration="110110/30000s">
          <timeMap><timept time="0s" value="0s"/><timept time="50s" value="100s"/></timeMap>
        </asset-clip>
      </spine>
    </sequence>
  </project></event></library>
</fcpxml>
"""

_RATE = "<rate><timebase>25</timebase><ntsc>FALSE</ntsc></rate>"

XMEML = f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE xmeml>
<xmeml version="5">
  <sequence id="main"><name>Made</name><duration>300</duration>{_RATE}
    <timecode>{_RATE}<frame>90000</frame><displayformat>NDF</displayformat></timecode>
    <marker><name>HIT</name><comment>door</comment><in>30</in><out>-1</out></marker>
    <media><video>
      <track>
        <clipitem id="c1"><name>one</name><enabled>TRUE</enabled>{_RATE}
          <start>0</start><end>-1</end><in>10</in><out>70</out>
          <file id="f1"><name>one.mov</name><pathurl>file://localhost/nowhere/one.mov</pathurl>{_RATE}
            <duration>500</duration></file>
          <marker><name>in one</name><comment/><in>20</in><out>25</out></marker>
        </clipitem>
        <transitionitem>{_RATE}<start>40</start><end>60</end><alignment>center</alignment>
          <effect><name>Cross Dissolve</name><effectid>Cross Dissolve</effectid></effect></transitionitem>
        <clipitem id="c2"><name>two</name>{_RATE}<start>-1</start><end>100</end><in>100</in><out>160</out>
          <file id="f2"><name>two.mov</name><pathurl>file://localhost/C%3a/media/two.mov</pathurl>{_RATE}</file>
        </clipitem>
        <clipitem id="c3"><name>nest</name>{_RATE}<start>120</start><end>160</end><in>10</in><out>50</out>
          <sequence id="inner"><name>inner</name><duration>80</duration>{_RATE}<media><video><track>
            <clipitem id="c5"><name>deep</name>{_RATE}<start>0</start><end>30</end><in>0</in><out>30</out>
              <file id="f1"/></clipitem>
            <clipitem id="c6"><name>deeper</name>{_RATE}<start>30</start><end>80</end><in>7</in><out>57</out>
              <file id="f2"/></clipitem>
          </track></video></media></sequence>
        </clipitem>
        <clipitem id="c4"><name>nest again</name>{_RATE}<start>160</start><end>200</end><in>0</in><out>40</out>
          <sequence id="inner"/></clipitem>
        <clipitem id="c7"><name>fast</name>{_RATE}<duration>250</duration>
          <start>200</start><end>250</end><in>20</in><out>70</out>
          <file id="f1"/>
          <filter><effect><name>Time Remap</name><effectid>timeremap</effectid>
            <parameter><parameterid>speed</parameterid><value>200</value></parameter>
            <parameter><parameterid>reverse</parameterid><value>FALSE</value></parameter></effect></filter>
        </clipitem>
      </track>
      <track>
        <clipitem id="c8"><name>off</name><enabled>FALSE</enabled>{_RATE}
          <start>0</start><end>90</end><in>0</in><out>90</out><file id="f2"/>
        </clipitem>
      </track>
    </video>
    <audio><track><clipitem id="a1">{_RATE}<start>0</start><end>300</end></clipitem></track></audio></media>
  </sequence>
</xmeml>
"""


def rich_otio() -> Json:
    """An edit with something of everything, for mutation."""
    nest = stack(
        track(clip("n1", 0, 20), clip("n2", 5, 30)), track(gap(10), clip("n3", 0, 8)), source_range=span(5, 30)
    )
    main = track(
        clip("a", 0, 40, markers=[marker("HIT", 10)]),
        dissolve(4, 4),
        clip("b", 86_400, 50, reference=media("file:///C:/m%20x/b.mov", start=86_400)),
        nest,
        clip("c", 12, 24, effects=[speed(2.0)]),
        clip("d", 12, 24, effects=[speed(-1.0)], enabled=False),
        gap(12),
        clip("e", 0, 24, effects=[speed(0.0)]),
    )
    upper = track(gap(30), clip("title", 0, 30, reference=media(None, length=None)), clip("f", 0, 15))
    sound = track(clip("music", 0, 44_100 * 8, rate=44_100), kind="Audio")
    marks = (marker("mood: tense", 86_400), marker("end", 86_500))
    return timeline(main, upper, sound, start=86_400, markers=marks)
