"""``cuesheet.html``: the whole score on one page that needs no network, plays, and prints."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from v2m_bridge.errors import InputError
from v2m_bridge.music.emotions import EMOTIONS
from v2m_bridge.score.cue_facts import CueEvent, CueFacts
from v2m_bridge.score.model import RankingDocument, Score

Thumbnails = Mapping[int, str] | Callable[[int], str | None]
"""Index of a shot in ``timeline.shots`` -> picture as a ``data:image/...`` URI, or nothing where media is offline."""

_LANDS = {"downbeat": "downbeat", "beat": "beat", "eighth": "eighth", "miss": "not on the grid", "": "–"}


def write_cuesheet(score: Score, path: Path, thumbnails: Thumbnails | None = None) -> None:
    """Write the page to ``path``.

    Args:
        score: the finished score.
        path: the HTML file, replaced when it exists.
        thumbnails: pictures of the shots; without them the strip shows names only.

    Raises:
        InputError: a thumbnail that is not a ``data:image/`` URI (the page must not fetch anything).
    """
    facts = CueFacts(score)
    slots = _slots(facts, thumbnails)
    # One pass: what is put in may itself hold braces.
    page = re.sub(r"\{\{(\w+)\}\}", lambda match: slots[match[1]], _asset("page.html"))
    path.write_text(page, encoding="utf-8", newline="\n")


def _asset(name: str) -> str:
    return (files("v2m_bridge.score") / "cuesheet" / name).read_text(encoding="utf-8")


def _slots(facts: CueFacts, thumbnails: Thumbnails | None) -> dict[str, str]:
    """Name of a place in ``page.html`` -> its HTML."""
    score, summary = facts.score, facts.score.fit.summary
    title = score.timeline.title or "Untitled timeline"
    lo, hi = (f"{bpm:.1f}".removesuffix(".0") for bpm in (summary.min_bpm, summary.max_bpm))
    lead = [
        *_named(score),
        ("Timecode", f"{facts.timecode(0)} – {facts.timecode(score.timeline.duration_frames)}"),
        ("Length", _length(facts.duration_s)),
        ("Rate", f"{float(facts.rate):.3f}".rstrip("0").rstrip(".") + (" drop" if score.timeline.drop_frame else "")),
        ("Key", pretty(score.key)),
        ("Tempo", f"{lo} BPM" if lo == hi else f"{lo} – {hi} BPM"),
        ("On the grid", f"{summary.landed} of {summary.hits} hits"),
        ("Best fixed tempo", f"{summary.constant_landed_share:.0%} of hits"),
    ]
    if score.ranking is not None:
        lead.append(("Chosen from", _standing(score.ranking)))
    return {
        "style": _asset("page.css"),
        "script": "".join(_asset(name) for name in ("draw.js", "sound.js", "page.js")),
        "title": html.escape(title),
        "lead": "".join(f"<div><dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd></div>" for k, v in lead),
        "parts": _parts(facts),
        "cuts": "".join(_cut_row(facts, event) for event in facts.events),
        "chords": "".join(_chord_rows(facts)),
        "choices": _choices(score),
        "emotions": _emotions(score),
        "lines": _lines(score),
        "warnings": _warnings([*score.timeline.warnings, *score.fit.warnings, *score.warnings]),
        "colophon": html.escape(
            f"v2m-bridge {score.version} · seed {score.seed} · chords by {score.checkpoint}"
            f" · {score.timeline.rate} frames a second"
        ),
        "data": _json(_data(facts, thumbnails)),
    }


def _named(score: Score) -> list[tuple[str, str]]:
    """Who and what the cue is, as far as somebody said so."""
    cue = score.options.cue
    rows = [("Cue", cue.cue), ("Composer", cue.composer), ("Version", cue.cue_version)]
    return [(name, value) for name, value in rows if value]


def _emotions(score: Score) -> str:
    """Legend of the colours that the page uses: what was seen in the picture, or else the moods asked for."""
    seen = any(second.emotion for second in score.footage)
    names = EMOTIONS if seen else [name for name in EMOTIONS if any(mood.mood == name for mood in score.moods)]
    shown = "".join(f'<span class="e" style="color:var(--{name})"><i></i><b>{name}</b></span>' for name in names)
    return f"<p>{shown}</p>\n" if shown else ""


def _lines(score: Score) -> str:
    motion = '<span class="l motion"><i></i>motion</span>' if any(s.motion is not None for s in score.footage) else ""
    return f'{motion}<span class="l loud"><i></i>loudness</span><span class="l dense"><i></i>note density</span>'


def pretty(text: str) -> str:
    """Chord symbols and keys with the signs of music: ``Bbm7b5`` as B♭m7♭5."""
    return re.sub(r"^([A-G])b", "\\1♭", text).replace("#", "♯").replace("b5", "♭5")


def _standing(ranking: RankingDocument) -> str:
    """How the score ranks among those it was chosen from."""
    return (
        f"{len(ranking.candidates)}: no. {ranking.alignment_rank} in following the film, "
        f"no. {ranking.likelihood_rank} in likelihood"
    )


def _length(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:05.2f}"


def _cells(*texts: str) -> str:
    return "".join(f"<td>{html.escape(text)}</td>" for text in texts)


def _cut_row(facts: CueFacts, event: CueEvent) -> str:
    where = facts.position(event.beat)
    error = "" if event.error_frames is None else f"{event.error_frames:+.2f}"
    text = " – ".join(part for part in (event.name, event.note) if part) or event.kind
    must = " must" if event.must else ""
    kind = event.kind if event.kind != text else ""
    return (
        f'<tr class="{html.escape(event.lands or "none")}{must}" data-s="{event.seconds:.6f}">'
        f"{_cells(event.timecode, where, text, kind, _LANDS[event.lands], error)}</tr>\n"
    )


def _chord_rows(facts: CueFacts) -> Iterable[str]:
    """One row a chord; the same chord over several slots is one row with their number of beats."""
    chords = list(facts.score.chords)
    index = 0
    while index < len(chords):
        first = last = chords[index]
        while index + 1 < len(chords) and chords[index + 1].label == first.label:
            index += 1
            last = chords[index]
        index += 1
        marks = ["on the cut"] * first.on_cut + ["locked"] * (first.probability is None)
        why = "asked for" if first.probability is None else f"chosen with a probability of {first.probability:.0%}"
        beats = f"{last.end_beat - first.start_beat:.2f}".rstrip("0").rstrip(".")
        yield (
            f'<tr data-s="{first.start_s:.6f}">'
            f"{_cells(facts.position(first.start_beat), facts.timecode_at(first.start_s))}"
            f'<td class="symbol" title="{why}">{html.escape(pretty(first.symbol))}</td>'
            f"{_cells(beats, ', '.join(marks))}</tr>\n"
        )


def _parts(facts: CueFacts) -> str:
    rows = []
    for index, part in enumerate(facts.score.parts):
        pitches = [n[2] for n in part.notes]
        span = f"{_note_name(min(pitches))} – {_note_name(max(pitches))}" if pitches else "–"
        label = f"{len(part.notes)} notes, {span}, General MIDI {part.program + 1}, channel {part.channel + 1}"
        rows.append(
            f'<button class="part r-{html.escape(part.role)}" data-part="{index}" aria-pressed="true" '
            f'title="{html.escape(label)}"><i></i>{html.escape(part.name)}</button>'
        )
    return "".join(rows)


def _note_name(pitch: int) -> str:
    return ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")[pitch % 12] + str(pitch // 12 - 1)


def _choices(score: Score) -> str:
    """Why the score is as it is."""
    if not score.choices:
        return ""
    rows = "".join(f"<tr>{_cells(choice.what, pretty(choice.value), choice.reason)}</tr>\n" for choice in score.choices)
    return f'<section><h2>Why</h2><table id="choices"><tbody>\n{rows}</tbody></table></section>\n'


def _warnings(texts: list[str]) -> str:
    if not texts:
        return ""
    items = "".join(f"<li>{html.escape(text)}</li>" for text in dict.fromkeys(texts))
    return f'<section class="notes"><h2>Remarks</h2><ul>{items}</ul></section>'


def _json(data: dict[str, Any]) -> str:
    """JSON that cannot close the script element it stands in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _data(facts: CueFacts, thumbnails: Thumbnails | None) -> dict[str, Any]:
    """Everything the page draws and plays, in seconds."""
    score, rate = facts.score, facts.rate
    seconds = facts.tempo.seconds_at
    return {
        "duration": round(facts.duration_s, 6),
        "rate": [rate.numerator, rate.denominator],
        "start": score.timeline.start_frame,
        "drop": score.timeline.drop_frame,
        "bars": [[round(seconds(b.start_beat), 5), b.number, b.numerator, b.denominator] for b in facts.bars],
        "tempo": [[round(t.seconds, 5), round(t.bpm, 3), int(t.linear)] for t in score.fit.tempo],
        "shots": [
            [
                round(float(s.start_frame / rate), 5),
                round(float(s.end_frame / rate), 5),
                s.name,
                int(s.media_online),
                picture,
            ]
            for s, picture in zip(score.timeline.shots, _pictures(facts, thumbnails), strict=True)
        ],
        "events": [
            [
                round(e.seconds, 5),
                e.kind,
                e.lands,
                int(e.must),
                e.name,
                e.note,
                e.timecode,
                facts.position(e.beat),
                e.color,
            ]
            for e in facts.events
        ],
        "chords": [[round(c.start_s, 5), round(c.end_s, 5), c.symbol, int(c.on_cut)] for c in score.chords],
        "dynamics": [[round(d.seconds, 4), round(d.note_density, 3), round(d.loudness, 4)] for d in score.dynamics],
        "emotions": list(EMOTIONS),
        "sections": [[round(s.start_s, 4), round(s.end_s, 4), s.label, s.mood, s.reason] for s in score.sections],
        "speech": [[round(start, 3), round(end, 3)] for start, end in score.speech],
        "moods": [[round(m.seconds, 4), m.mood] for m in score.moods],
        "footage": [
            [s.motion and round(s.motion, 2), s.emotion and [round(p, 3) for p in s.emotion]] for s in score.footage
        ],
        "parts": [
            {
                "name": p.name,
                "role": p.role,
                "program": p.program,
                "notes": [
                    [round(seconds(n[0]), 4), round(seconds(n[0] + n[1]) - seconds(n[0]), 4), n[2], n[3]]
                    for n in p.notes
                ],
                "volume": [[round(seconds(c[0]), 3), c[2]] for c in p.controls if c[1] == 11],
            }
            for p in score.parts
        ],
    }


def _pictures(facts: CueFacts, thumbnails: Thumbnails | None) -> list[str | None]:
    pictures: list[str | None] = []
    for index in range(len(facts.score.timeline.shots)):
        if thumbnails is None:
            picture = None
        else:
            picture = thumbnails.get(index) if isinstance(thumbnails, Mapping) else thumbnails(index)
        if picture is not None and not picture.startswith("data:image/"):
            raise InputError(f"the thumbnail of shot {index} is not a data:image/ URI")
        pictures.append(picture)
    return pictures
