"""What the player writes for a score: from the request to the arranger, the form and the wishes to lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from v2m_bridge.edits.find_media import refuse_outside
from v2m_bridge.errors import InputError
from v2m_bridge.music.arrange import preset_name
from v2m_bridge.music.arrange_options import ArrangeOptions
from v2m_bridge.music.arrangement import ArrangeRequest
from v2m_bridge.music.form import Form, Phrase
from v2m_bridge.music.instruments import PRESETS, Preset, Role
from v2m_bridge.music.plan import Plan, make_plan
from v2m_bridge.music.themes.lines import Lines
from v2m_bridge.music.themes.own import read_theme, theme_in_key
from v2m_bridge.music.themes.player_options import PLAYED, PlayerOptions
from v2m_bridge.music.themes.theme import Theme
from v2m_bridge.progress import Progress, silent
from v2m_bridge.timeline.model import Timeline
from v2m_bridge.timing.timecode import parse_timecode

if TYPE_CHECKING:
    from v2m_bridge.amt.player.network import PlayerNetwork
    from v2m_bridge.compose.playing.play_film import PlayWishes

FEWEST_BARS = 2
"""A shorter film is left to the table of figures."""

_TEXTURE = (Role.CHORDS, Role.BASS, Role.FIGURE)


@dataclass(frozen=True)
class LineInput:
    """What the player is given.

    Attributes:
        request, arranging: what the arranger gets.
        player: what is asked of the player.
        form: of the piece; None makes a plain one.
        speech: ``(start_s, end_s)`` of dialogue.
        theme_at_s: where the theme is first to be heard, in seconds.
    """

    request: ArrangeRequest
    arranging: ArrangeOptions
    player: PlayerOptions
    form: Form | None = None
    speech: Sequence[tuple[float, float]] = ()
    theme_at_s: float | None = None

    @property
    def wanted(self) -> bool:
        """Whether the player has anything to do."""
        roles = self.arranging.roles()
        lines = self.player.themes and any(role in roles for role in (Role.MELODY, Role.COUNTER))
        texture = self.player.texture == PLAYED and any(role in roles for role in _TEXTURE)
        return (lines or texture) and len(self.request.bars) >= FEWEST_BARS


@dataclass(frozen=True)
class ScoreLines:
    """The lines, the form they follow, and what could not be done."""

    lines: Lines | None
    form: Form | None
    warnings: tuple[str, ...] = ()


def check_player(options: PlayerOptions) -> None:
    """Refuse a theme that cannot be read, before any long work.

    Raises:
        InputError: see :func:`read_theme`; a file that may not be opened; or a place for a theme without themes.
    """
    if options.theme is not None:
        if not options.themes:
            raise InputError("--theme and --no-theme exclude each other")
        path = Path(options.theme)
        refuse_outside(path, "theme")
        read_theme(path)
    elif options.theme_at is not None and not options.themes:
        raise InputError("--theme-at needs themes", "leave --no-theme out")


def theme_seconds(timecode: str | None, timeline: Timeline) -> float | None:
    """Seconds from the timeline's start of a timecode.

    Raises:
        InputError: no timecode, or one outside the timeline.
    """
    if timecode is None:
        return None
    frame = parse_timecode(timecode, timeline.rate) - timeline.start_frame
    if not 0 <= frame < timeline.duration_frames:
        raise InputError(f"--theme-at {timecode} lies outside the timeline, which starts at {timeline.timecode(0)}")
    return timeline.seconds(frame)


def score_lines(film: LineInput, network: Callable[[], PlayerNetwork], progress: Progress = silent) -> ScoreLines:
    """Let the player write what the wishes leave to it; ``network`` is called only where it is needed.

    Raises:
        InputError: the composer's theme cannot be read.
    """
    if not film.wanted:
        return ScoreLines(None, film.form)
    # The network's package is heavy; scores without a player do without it.
    from v2m_bridge.compose.playing.film_beats import film_beats
    from v2m_bridge.compose.playing.play_film import play_film
    from v2m_bridge.compose.playing.simple_form import simple_form

    plan = make_plan(film.request, film.arranging.tail_s)
    form = film.form or simple_form(len(plan.bars), _strong_bars(plan))
    if film.theme_at_s is not None:
        form = phrase_at(form, _bar_at(plan, film.theme_at_s))
    own, warnings = _own_themes(film, form, plan)
    preset = preset_name(film.arranging)
    beats = film_beats(plan, form, film.request.key, preset, film.speech)
    lines = play_film(beats, network(), _wishes(film, PRESETS[preset], own), progress)
    return ScoreLines(lines, form, warnings)


def _wishes(film: LineInput, preset: Preset, own: dict[str, Theme]) -> PlayWishes:
    from v2m_bridge.amt.player.steps import LOWER, UPPER
    from v2m_bridge.compose.playing.play_film import PlayWishes
    from v2m_bridge.compose.playing.themes_of_film import Registers

    roles = film.arranging.roles()
    upper = (preset[Role.CHORDS].register[0], preset[Role.FIGURE].register[1])
    lower = (preset[Role.BASS].register[0], preset[Role.CHORDS].register[0] + 14)
    return PlayWishes(
        registers=Registers(preset[Role.MELODY].register, preset[Role.COUNTER].register),
        texture_registers={UPPER: upper, LOWER: lower},
        theme=film.player.themes and any(role in roles for role in (Role.MELODY, Role.COUNTER)),
        texture=film.player.texture == PLAYED and any(role in roles for role in _TEXTURE),
        own_themes=own,
        seed=film.arranging.seed,
    )


def _own_themes(film: LineInput, form: Form, plan: Plan) -> tuple[dict[str, Theme], tuple[str, ...]]:
    """The composer's theme, given to the letter of the phrase at ``theme_at_s`` or to the most frequent one."""
    if film.player.theme is None or not film.player.themes:
        return {}, ()
    own = read_theme(Path(film.player.theme))
    letter = _letter_for_theme(form, None if film.theme_at_s is None else _bar_at(plan, film.theme_at_s))
    warnings = [f"the theme is longer than {own.theme.bars} bars: only these are used"] if own.cut else []
    metre = max((bar.length_beats for bar in plan.bars), key=[b.length_beats for b in plan.bars].count)
    if abs(metre - own.bar_beats) > 1e-6:
        warnings.append(f"the theme has bars of {own.bar_beats:g} beats, the film of {metre:g}: it is set bar by bar")
    return {letter: theme_in_key(own, film.request.key)}, tuple(warnings)


def _letter_for_theme(form: Form, bar: int | None) -> str:
    if bar is not None:
        inside = next(p for p in reversed(form.phrases) if p.start_bar <= bar or p is form.phrases[0])
        if inside.main:
            return inside.letter
    letters = [phrase.letter for phrase in form.phrases if phrase.main]
    return max(letters, key=lambda letter: (letters.count(letter), -ord(letter)), default="A")


def _bar_at(plan: Plan, seconds: float) -> int:
    """Number, from 1, of the bar whose beginning lies nearest."""
    beat = plan.tempo.beat_at(seconds)
    nearest = min(range(len(plan.bars)), key=lambda i: abs(plan.bars[i].start_beat - beat))
    return nearest + 1


def _strong_bars(plan: Plan) -> list[int]:
    return [i + 1 for i, bar in enumerate(plan.bars) if plan.is_strong(bar.start_beat)]


def phrase_at(form: Form, bar: int) -> Form:
    """The form with a main phrase that begins at ``bar``, whose letter was not heard before it.

    The phrase that holds the bar is divided there; phrases before it that share the letter become bridges.
    """
    index = max(i for i, phrase in enumerate(form.phrases) if phrase.start_bar <= bar)
    phrase = form.phrases[index]
    letter = phrase.letter if phrase.main else _letter_for_theme(form, None)
    before = [p if p.letter != letter else replace(p, letter="x") for p in form.phrases[:index]]
    if bar > phrase.start_bar:
        before.append(Phrase(phrase.start_bar, bar - phrase.start_bar, "x", 0))
    theme = Phrase(bar, phrase.start_bar + phrase.bars - bar, letter, 0)
    times: dict[str, int] = {}
    numbered = []
    for item in (*before, theme, *form.phrases[index + 1 :]):
        numbered.append(replace(item, occurrence=times.get(item.letter, 0)))
        times[item.letter] = times.get(item.letter, 0) + 1
    return Form(tuple(numbered))
