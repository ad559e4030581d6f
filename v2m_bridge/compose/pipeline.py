"""The whole flow from an edit to a score, on one page. :mod:`.write_files` writes the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from v2m_bridge.compose.companions import ALONE, Companions
from v2m_bridge.compose.cut import NewCut
from v2m_bridge.compose.direction import Direction, direct
from v2m_bridge.compose.document import StageResults, assemble
from v2m_bridge.compose.engine import Engine
from v2m_bridge.compose.harmony import Harmony, HarmonyInput, harmonise
from v2m_bridge.compose.planned_chords import FormPlace
from v2m_bridge.compose.playing.score_lines import LineInput, check_player, score_lines, theme_seconds
from v2m_bridge.compose.playing.simple_form import simple_form
from v2m_bridge.compose.source import read_source
from v2m_bridge.edits.find_media import refuse_outside
from v2m_bridge.errors import InputError
from v2m_bridge.footage.measure import MeasureOptions, measure
from v2m_bridge.music.arrange import arrange
from v2m_bridge.music.arrangement import Accent, ArrangeRequest, FilmSection
from v2m_bridge.music.form import Form
from v2m_bridge.options import ScoreOptions
from v2m_bridge.progress import Progress, silent
from v2m_bridge.score.model import Score
from v2m_bridge.sync.model import Fit, Lands, Slot
from v2m_bridge.sync.motion import fit_with_motion
from v2m_bridge.sync.slots import harmonic_slots
from v2m_bridge.timeline.excerpt import between, excerpt
from v2m_bridge.timeline.hits import HitKind, find_hits, unmatched_options
from v2m_bridge.timeline.model import Shot, Timeline


def read_new_cut(
    source: Path,
    options: ScoreOptions,
    engine: Engine,
    progress: Progress = silent,
    companions: Companions = ALONE,
) -> NewCut:
    """Everything that is known of a film before its tempo is fitted; arguments and errors of :func:`compose`."""
    progress("edit", 0.0)
    options.check()
    check_player(options.player)
    edit = options.edit
    read = read_source(source, rate=edit.rate, media_roots=engine.media_roots, companions=companions, progress=progress)
    timeline = engine.screen(read)
    timeline = between(timeline, edit.in_point, edit.out_point)
    timeline = excerpt(timeline, edit.first_frame, edit.end_frame)
    progress("footage", 0.0)
    features = measure(timeline, _measure_options(engine, timeline, options), progress)
    progress("tempo", 0.0)
    timeline = replace(timeline, warnings=(*timeline.warnings, *unmatched_options(timeline, options.hits)))
    direction = direct(timeline, features, options)
    hits = find_hits(timeline, options.hits, features.onsets)
    return NewCut(timeline, features, tuple(hits), direction, options)


def compose(
    source: Path,
    options: ScoreOptions,
    engine: Engine,
    progress: Progress = silent,
    companions: Companions = ALONE,
) -> Score:
    """Score an edit or a video.

    Args:
        source: the edit (``EDIT_SUFFIXES``) or video (``VIDEO_SUFFIXES``).
        options: what the user asks for.
        engine: networks and folders, reused between calls.
        companions: what comes beside the edit: lists of markers, the locked picture.
        progress: told of every stage in ``compose.stages.STAGES`` but the last; may raise ``Cancelled``.

    Raises:
        V2MError: the input or an option cannot be used; nothing was written.
    """
    cut = read_new_cut(source, options, engine, progress, companions)
    timeline, features, direction = cut.timeline, cut.features, cut.direction
    limits = replace(options.fit, mood=asked_mood(direction, options), arousal=direction.arousal)
    fit = fit_with_motion(cut.hits, timeline.duration_frames, timeline.rate, limits)
    progress("chords", 0.0)
    slots = harmonic_slots(fit, options.harmony.harmonic_rhythm_s)
    place = form_place(fit, slots, direction)
    film = HarmonyInput(timeline, features, direction, slots, place=place)
    harmony = harmonise(film, options, engine.harmony_networks(options.harmony.candidates), progress)
    progress("parts", 0.0)
    theme_at_s = theme_seconds(options.player.theme_at, timeline)
    film_lines = line_input(
        arrange_request(harmony, fit, direction, features.speech, options.direction.under_dialogue),
        direction,
        options,
        theme_at_s,
        place.form,
    )
    written = score_lines(film_lines, engine.player, progress)
    arrangement = arrange(film_lines.request, film_lines.arranging, written.lines)
    return assemble(StageResults(timeline, features, direction, fit, harmony, written, arrangement), options)


def _measure_options(engine: Engine, timeline: Timeline, options: ScoreOptions) -> MeasureOptions:
    """How the footage is measured, and where dialogue is listened for.

    Raises:
        InputError: the dialogue file does not exist or may not be opened.
    """
    wishes = options.direction
    measuring = replace(engine.measure_options(), speech=wishes.under_dialogue > 0)
    if wishes.dialogue is None:
        return measuring
    path = Path(wishes.dialogue).expanduser()
    refuse_outside(path, "dialogue")
    shot = Shot(0, timeline.duration_frames, str(path), path.is_file())
    screened = engine.screen(replace(timeline, shots=(shot,)))
    if not all(shot.media_online for shot in screened.shots):
        raise InputError(f"the dialogue {path} cannot be opened", "give a sound or video file that is on this machine")
    return replace(measuring, dialogue=path)


def line_input(
    request: ArrangeRequest,
    direction: Direction,
    options: ScoreOptions,
    theme_at_s: float | None = None,
    form: Form | None = None,
) -> LineInput:
    """What the player and the arranger are asked for."""
    wishes = options.direction
    arranging = replace(
        options.arrangement,
        preset=direction.preset,
        mood=direction.mood,
        affect=min(1.0, wishes.affect),
        seed=wishes.seed,
    )
    speech = request.speech if request.under_dialogue else ()
    return LineInput(request, arranging, options.player, form=form, speech=speech, theme_at_s=theme_at_s)


def form_place(fit: Fit, slots: Sequence[Slot], direction: Direction) -> FormPlace:
    """The form of the film: phrases begin on must-hits, and on sections where the bars allow it."""
    starts = [bar.start_beat for bar in fit.tempo_map.bars(fit.end_beat)]
    strong = sorted(x.beat for x in fit.landings if x.hit.must and x.lands is not Lands.MISS)
    sections = [fit.tempo_map.beat_at(section.start_s) for section in direction.sections]
    strong_bars = [n for n, beat in enumerate(starts, 1) if any(abs(beat - hit) < 1e-3 for hit in strong)]
    section_bars = [1 + min(range(len(starts)), key=lambda n: abs(starts[n] - beat)) for beat in sections]
    return FormPlace(simple_form(len(starts), strong_bars, section_bars), slots, starts, strong)


def asked_mood(direction: Direction, options: ScoreOptions) -> str | None:
    """The mood that weighs on the tempo: one that was asked for; the picture's counts by its arousal."""
    return direction.mood if options.direction.affect and direction.arousal is None else None


def arrange_request(
    harmony: Harmony,
    fit: Fit,
    direction: Direction,
    speech: Sequence[tuple[float, float]] = (),
    under_dialogue: float = 0.0,
) -> ArrangeRequest:
    """The harmony over the bars of the fit, with weight on the hits that land."""
    landed = [x for x in fit.landings if x.lands is not Lands.MISS]
    accents = [Accent(x.beat, strong=x.hit.must, moving=x.hit.kind is HitKind.MOTION) for x in landed]
    return ArrangeRequest(
        chords=harmony.chords,
        bars=tuple(fit.tempo_map.bars(fit.end_beat)),
        dynamics=harmony.dynamics,
        accents=accents,
        key=direction.key,
        end_beat=fit.end_beat,
        tempo=fit.tempo_map,
        sections=_film_sections(direction, fit),
        speech=speech,
        under_dialogue=under_dialogue,
    )


def _film_sections(direction: Direction, fit: Fit) -> tuple[FilmSection, ...]:
    beat_at = fit.tempo_map.beat_at
    return tuple(
        FilmSection(beat_at(x.start_s), min(fit.end_beat, beat_at(x.end_s)), x.label, x.energy, x.mood)
        for x in direction.sections
    )
