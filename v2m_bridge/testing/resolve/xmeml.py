"""Final Cut Pro 7 XML as Resolve writes it, for versions that cannot export OpenTimelineIO.

In and out points lie on the sequence's frames whatever the rate of the file: source seconds times the sequence's rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any
from xml.sax.saxutils import escape

from v2m_bridge.testing.resolve.edit import Clip, EditTrack, ResolveEdit


def xmeml_text(edit: ResolveEdit, markers: Mapping[float, Mapping[str, Any]], rounded: bool = False) -> str:
    """The file that ``Timeline.Export`` with ``EXPORT_FCP_7_XML`` writes; ``markers`` as ``GetMarkers`` gives them."""
    del rounded  # timebases are whole numbers here
    notes = "".join(
        f"<marker><name>{escape(m['name'])}</name><comment>{escape(m['note'])}</comment>"
        f"<in>{int(frame)}</in><out>-1</out></marker>"
        for frame, m in sorted(markers.items())
    )
    video = "".join(_track(track, edit) for track in edit.video)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n<xmeml version="5"><sequence>'
        f"<name>{escape(edit.name)} (Resolve)</name><duration>{edit.length}</duration>{_rate(edit.rate)}"
        f"<timecode><frame>{edit.start_frame}</frame>"
        f"<displayformat>{'DF' if edit.drop_frame else 'NDF'}</displayformat>{_rate(edit.rate)}</timecode>"
        f"<media><video>{video}</video></media>{notes}</sequence></xmeml>\n"
    )


def _rate(rate: Fraction) -> str:
    ntsc = rate.denominator != 1
    return f"<rate><timebase>{round(rate)}</timebase><ntsc>{str(ntsc).upper()}</ntsc></rate>"


def _track(track: EditTrack, edit: ResolveEdit) -> str:
    items = "".join(_clip(clip, edit) for clip in track.clips if clip.media)
    return f"<track>{items}<enabled>{str(track.enabled).upper()}</enabled></track>"


def _clip(clip: Clip, edit: ResolveEdit) -> str:
    media = clip.media
    assert media is not None
    first = round(Fraction(clip.source_frame).limit_denominator(10**6) / media.rate * edit.rate)
    return (
        f'<clipitem id="{escape(media.name)} {clip.start}"><name>{escape(clip.title)}</name>'
        f"<duration>{media.frames}</duration>{_rate(media.rate)}<start>{clip.start}</start>"
        f"<end>{clip.start + clip.length}</end><enabled>{str(clip.enabled).upper()}</enabled><in>{first}</in>"
        f'<out>{first + clip.length}</out><file id="{escape(media.name)}"><name>{escape(media.name)}</name>'
        f"<pathurl>{escape(media.path)}</pathurl>{_rate(media.rate)}<duration>{media.frames}</duration></file></clipitem>"
    )
