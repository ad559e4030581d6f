"""The cue sheet in a real browser: no error, no request, every cut and chord, plays, prints."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

pytest.importorskip("fcntl", reason="the browser is driven over inherited file descriptors")

from chromium import Page, chromium, page
from cue_scores import film, make_score, thumbnails

from v2m_bridge.score.model import MoodDocument, Score, SecondDocument
from v2m_bridge.score.write_cuesheet import pretty, write_cuesheet
from v2m_bridge.sync.document import fit_document, tempo_map_from_document
from v2m_bridge.sync.fit import fit_tempo
from v2m_bridge.timeline.model import Cut, CutKind, Marker, Shot, Timeline
from v2m_bridge.timing.tempo import Metre, TempoMap

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")


SHARES = "[...document.querySelectorAll('.system svg')].map((s) => s.dataset.right / s.viewBox.baseVal.width)"
"""How much of the width every line takes."""


@pytest.fixture(scope="module")
def score() -> Score:
    return make_score()


@pytest.fixture(scope="module")
def sheet(score: Score, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sheet") / "cuesheet.html"
    write_cuesheet(score, path, thumbnails(film()))
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with page(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def opened(browser: Page, sheet: Path) -> Iterator[Page]:
    browser.errors.clear()
    browser.size(1280, 900)
    browser.open(sheet)
    yield browser
    assert browser.errors == []


def test_every_cut_marker_and_chord_is_drawn_and_listed(opened: Page, score: Score) -> None:
    events = len(score.timeline.cuts) + len(score.timeline.markers)
    assert opened.value("document.querySelectorAll('#systems .mark').length") == events
    assert opened.value("document.querySelectorAll('#cuts tbody tr').length") == events
    runs = [c for i, c in enumerate(score.chords) if not i or score.chords[i - 1].label != c.label]
    listed = opened.value("[...document.querySelectorAll('#chords td.symbol')].map((td) => td.textContent)")
    assert listed == [pretty(c.symbol) for c in runs]
    drawn = opened.value("[...document.querySelectorAll('#systems .chordname')].map((t) => t.textContent)")
    assert set(drawn) == set(listed) and len(drawn) >= len(runs)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven seconds without pictures: a mood marker half a second before a HIT, and a bar of two beats."""
    rate, frames = Fraction(24), 168
    shots = tuple(Shot(start, end, name=f"shot {start}") for start, end in ((0, 60), (60, 120), (120, 168)))
    cuts = tuple(Cut(frame, CutKind.CUT) for frame in (60, 120))
    markers = (Marker(48, "mood: exciting", "YELLOW", ""), Marker(60, "HIT", "RED", "the door"))
    score = make_score(Timeline("Seven seconds", rate, 86400, frames, shots, cuts, markers))
    tempo = TempoMap(tempo_map_from_document(score.fit).points, [Metre(0.0, 4, 4), Metre(4.0, 2, 4), Metre(6.0, 4, 4)])
    fit = fit_document(replace(fit_tempo([], frames, rate), tempo_map=tempo))
    score = score.model_copy(
        update={
            "fit": score.fit.model_copy(update={"tempo": fit.tempo}),
            "footage": tuple(SecondDocument(motion=None, emotion=None) for _ in score.footage),
            "moods": (MoodDocument(seconds=2.0, mood="exciting"),),
        }
    )
    path = tmp_path_factory.mktemp("short") / "cuesheet.html"
    write_cuesheet(score, path)
    return path


def test_a_short_film_fills_the_page(opened: Page, short: Path) -> None:
    opened.open(short)
    assert opened.value("document.querySelectorAll('.system').length") == 1
    assert opened.value(SHARES)[0] > 0.98


def test_every_bar_has_its_number_and_odd_bars_their_metre(opened: Page, short: Path) -> None:
    opened.open(short)
    numbers = opened.value("[...document.querySelectorAll('.barno')].map((t) => +t.textContent)")
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 4
    metres = opened.value("[...document.querySelectorAll('.metre')].map((t) => t.getAttribute('aria-label'))")
    assert metres == ["4/4", "2/4", "4/4"]


def test_no_marker_s_name_hides_another(opened: Page, short: Path) -> None:
    opened.open(short)
    for width in (1280, 420):
        opened.size(width, 900)
        flags = opened.value(
            "[...document.querySelectorAll('.flag')].map((t) => { const b = t.previousSibling.getBBox();"
            " return [t.textContent, b.x, b.y, b.x + b.width, b.y + b.height]; })"
        )
        assert {flag[0] for flag in flags} == {"HIT", "mood: exciting"}
        first, second = (flag[1:] for flag in flags)
        assert first[2] <= second[0] or second[2] <= first[0] or first[3] <= second[1] or second[3] <= first[1]


def test_moods_are_shown_where_no_emotion_was_measured(opened: Page, short: Path, sheet: Path) -> None:
    opened.open(short)
    lanes = opened.value("[...document.querySelectorAll('.lane')].map((t) => t.textContent)")
    assert lanes[lanes.index("Chords") :][:3] == ["Chords", "Mood", "exciting"]
    assert opened.value("document.querySelectorAll('.mood.e0').length") == 1
    opened.open(sheet)
    assert opened.value("document.querySelectorAll('.mood').length") == 0
    assert opened.value("document.querySelectorAll('.emotion').length") > 20


def test_lines_of_a_long_film_are_about_as_full(opened: Page) -> None:
    shares = opened.value(SHARES)
    assert len(shares) > 1
    assert min(shares) > 0.6


def test_cuts_are_drawn_at_their_time(opened: Page, score: Score) -> None:
    """The line of every cut stands where its seconds fall on its system's axis."""
    off = opened.value("""
      [...document.querySelectorAll('.system')].flatMap((system) => {
        const svg = system.firstChild, [l, r] = [+svg.dataset.left, +svg.dataset.right];
        const [from, to] = [+system.dataset.from, +system.dataset.to];
        const inside = score.events.filter((e) => e[0] > from + 0.1 && e[0] < to - 0.1);
        const cuts = inside.map((e) => l + (e[0] - from) / (to - from) * (r - l));
        const lines = [...system.querySelectorAll('.cutline')].map((line) => +line.getAttribute('x1'));
        return cuts.map((x) => Math.min(...lines.map((line) => Math.abs(line - x))));
      })""")
    assert len(off) > len(score.timeline.cuts) - 4
    assert max(off) < 0.02


def test_it_plays_by_its_own_clock_and_stops(opened: Page) -> None:
    assert opened.value("cueSheet.now") == 0
    before = opened.value("document.getElementById('timecode').textContent")
    opened.value("document.getElementById('play').click()")
    wall = time.monotonic()
    time.sleep(1.5)
    now, passed = opened.value("cueSheet.now"), time.monotonic() - wall
    assert abs(now - passed) < 0.4
    assert opened.value("document.getElementById('timecode').textContent") != before
    assert opened.value("document.querySelectorAll('.head.on').length") == 1
    opened.value("document.getElementById('play').click()")
    held = opened.value("cueSheet.now")
    time.sleep(0.3)
    assert opened.value("cueSheet.now") == held > 1


def test_sound_is_made(opened: Page, score: Score) -> None:
    """What the page's instruments put out while playing, measured at the output."""
    loudest = opened.value("""(async () => {
      await cueSheet.play();
      const c = cueSheet.orchestra.context, meter = c.createAnalyser(), data = new Float32Array(2048);
      cueSheet.orchestra.out.connect(meter);
      let peak = 0;
      for (let i = 0; i < 30; i++) {
        await new Promise((done) => setTimeout(done, 40));
        meter.getFloatTimeDomainData(data);
        for (const sample of data) peak = Math.max(peak, Math.abs(sample));
      }
      cueSheet.pause();
      return peak;
    })()""")
    assert 0.02 < loudest < 4


def test_a_click_on_a_cut_in_the_table_goes_there(opened: Page, score: Score) -> None:
    cut = score.timeline.cuts[6]
    row = f"[...document.querySelectorAll('#cuts tr')].find((r) => r.textContent.startsWith({cut.timecode!r}))"
    opened.value(f"{row}.click()")
    assert opened.value("cueSheet.now") == pytest.approx(cut.seconds, abs=1e-3)
    assert opened.value("document.getElementById('timecode').textContent") == cut.timecode


def test_arrow_keys_walk_from_cut_to_cut_and_the_end_rewinds(opened: Page, score: Score) -> None:
    for _ in range(2):
        opened.value("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))")
        opened.until("return !document.hidden")
    opened.until("return Math.abs(cueSheet.now - arguments[0]) < 1e-3", score.timeline.cuts[1].seconds, within_s=5)
    opened.value("(async () => { await cueSheet.seek(score.duration - 0.3); await cueSheet.play(); })()")
    opened.until("return !cueSheet.playing && cueSheet.now === 0", within_s=10)


def test_a_muted_part_is_pale_and_silent(opened: Page) -> None:
    opened.value("document.querySelector('.part').click()")
    assert opened.value("[...cueSheet.muted]") == [0]
    assert opened.value("document.querySelectorAll('.p0:not(.muted)').length") == 0
    opened.value("document.querySelector('.part').click()")
    assert opened.value("document.querySelectorAll('.muted').length") == 0


@pytest.mark.parametrize("width", [400, 768, 1280, 1900])
def test_nothing_is_wider_than_the_page(opened: Page, width: int) -> None:
    opened.size(width, 900)
    time.sleep(0.2)
    assert opened.value("document.documentElement.scrollWidth") <= width
    wide = "[...document.querySelectorAll('.tables section')].filter((s) => s.scrollWidth > s.clientWidth).length"
    assert opened.value(wide) == 0
    assert opened.value("document.querySelectorAll('.system').length") >= 2


def test_light_and_dark_have_readable_text(opened: Page) -> None:
    for dark in (False, True):
        opened.size(1280, 900, dark=dark)
        ratio = opened.value("""(() => {
          const linear = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
          const light = (colour) => {
            const [r, g, b] = colour.match(/[\\d.]+/g).map((v) => linear(+v));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
          };
          const ground = light(getComputedStyle(document.body).backgroundColor);
          const places = ['h1', '.lead dt', '#cuts td', 'footer', '.legend:not(.paper) .k', 'tr.beat td:nth-child(5)'];
          return places.map((place) => {
            const ink = light(getComputedStyle(document.querySelector(place)).color);
            return Math.max(ink, ground) / Math.min(ink, ground);
          });
        })()""")
        assert min(ratio) >= 4.5


def test_it_prints_on_few_pages(opened: Page) -> None:
    pdf = opened.pdf()
    assert pdf.startswith(b"%PDF")
    assert 2 <= pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") <= 6


def test_hostile_texts_stay_texts(browser: Page, tmp_path: Path) -> None:
    name = "</script><script>throw 1</script>{{data}}<img src=x onerror=alert(1)>"
    path = tmp_path / "hostile.html"
    write_cuesheet(make_score(film(20.0, name=name)), path)
    browser.errors.clear()
    browser.open(path)
    assert browser.value("document.querySelector('h1').textContent") == name
    assert browser.value("document.images.length") == 0
    assert browser.errors == []
    assert html.escape(name) in path.read_text(encoding="utf-8")
