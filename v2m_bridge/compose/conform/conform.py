"""The door: an old score and a new cut to a new score that keeps the music where the picture stayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from v2m_bridge.compose.conform.blocks import OldMusic
from v2m_bridge.compose.conform.document import ConformDocument
from v2m_bridge.compose.conform.form import moved_form, moved_themes
from v2m_bridge.compose.conform.music import held_chords, joined_chords, joined_dynamics, joined_parts
from v2m_bridge.compose.conform.plan import ConformPlan, KeptRun, Rewritten, plan_conform
from v2m_bridge.compose.conform.report import report_of
from v2m_bridge.compose.cut import NewCut
from v2m_bridge.compose.document import StageResults, assemble
from v2m_bridge.compose.engine import Engine, HarmonyNetworks
from v2m_bridge.compose.harmony import Harmony, HarmonyInput, harmonise
from v2m_bridge.compose.pipeline import arrange_request, line_input
from v2m_bridge.compose.playing.score_lines import ScoreLines, score_lines, theme_seconds
from v2m_bridge.music.arrange import arrange
from v2m_bridge.music.arrangement import Arrangement
from v2m_bridge.music.keys import parse_key
from v2m_bridge.progress import Progress, silent
from v2m_bridge.score.model import Score
from v2m_bridge.sync.document import tempo_map_from_document
from v2m_bridge.sync.landing import constant_for, land_hits, summarise
from v2m_bridge.sync.model import Fit, FitOptions
from v2m_bridge.sync.reasons import explain
from v2m_bridge.sync.slots import harmonic_slots
from v2m_bridge.sync.solver.limits import limits_of
from v2m_bridge.timeline.changes.model import CutChanges
from v2m_bridge.timeline.document import timeline_document
from v2m_bridge.timing.rates import exact_rate


class Heal(StrEnum):
    """What is written between kept bars: nothing, only joints without new picture, or all."""

    NONE = "none"
    GAPS = "gaps"
    ALL = "all"


def conform(
    old: Score,
    changes: CutChanges,
    cut: NewCut,
    engine: Engine,
    heal: Heal = Heal.ALL,
    progress: Progress = silent,
) -> tuple[Score, ConformDocument] | None:
    """Move the music of kept picture, solve the tempo between, and write what is missing.

    Chords, notes and tempo of kept bars are those of the old score; whatever is written anew is in its key and for its
    players. None where not a single whole bar of the old score is kept.
    """
    music = OldMusic(
        tempo_map_from_document(old.fit),
        old.fit.end_beat,
        old.timeline.duration_frames,
        exact_rate(old.timeline.rate),
    )
    direction = replace(cut.direction, key=parse_key(old.key), mood=old.mood)
    cut = replace(cut, direction=direction)
    if changes.identical and timeline_document(cut.timeline).markers == old.timeline.markers:
        same = old.model_copy(update={"timeline": timeline_document(cut.timeline)})
        return same, report_of(old, same, changes, _everything(music), (), heal.value)
    limits = replace(cut.options.fit, bpm=old.fit.requested_bpm)
    progress("tempo", 0.0)
    plan = plan_conform(changes, music, cut.hits, cut.timeline.duration_s, cut.timeline.rate, limits)
    if plan is None:
        return None
    fit = _fit_of(plan, cut, limits)
    empty = tuple(w for w in plan.rewritten if heal is Heal.NONE or (heal is Heal.GAPS and w.new_picture))
    progress("chords", 0.0)
    harmony = _harmony(old, plan, fit, cut, engine.harmony_networks(1), empty, progress)
    progress("parts", 0.0)
    form = moved_form(old, plan)
    lines, fresh = ScoreLines(None, form), None
    if len(empty) < len(plan.rewritten):
        theme_at_s = theme_seconds(cut.options.player.theme_at, cut.timeline)
        asked = line_input(arrange_request(harmony, fit, direction), direction, cut.options, theme_at_s)
        lines = score_lines(replace(asked, form=form), engine.player, progress)
        fresh = arrange(asked.request, asked.arranging, lines.lines)
    parts = joined_parts(old, plan, fresh, empty)
    warnings = fresh.warnings if fresh else ()
    results = StageResults(cut.timeline, cut.features, direction, fit, harmony, lines, Arrangement(parts, warnings))
    score = assemble(results, cut.options).model_copy(update={"themes": moved_themes(old, plan)})
    return score, report_of(old, score, changes, plan, empty, heal.value)


def _everything(music: OldMusic) -> ConformPlan:
    bars = len(list(music.tempo.bars(music.end_beat)))
    return ConformPlan(music.tempo, music.end_beat, (KeptRun(0.0, music.end_beat, 0.0, bars, 0.0, True),), ())


def _fit_of(plan: ConformPlan, cut: NewCut, limits: FitOptions) -> Fit:
    """The plan's tempo map with the landings of the new cut's hits."""
    rate, ordered = cut.timeline.rate, sorted(cut.hits, key=lambda h: h.frame)
    bpm = limits.bpm or plan.tempo.points[0].bpm
    bounds = limits_of(bpm, rate, limits)
    lines = [bar.start_beat for bar in plan.tempo.bars(plan.end_beat)]
    plain = land_hits(ordered, plan.tempo, lines, rate, limits.tolerance_frames, limits.eighths)
    landings, warnings = explain(plain, bounds, rate)
    summary = summarise(landings, plan.tempo, plan.end_beat, constant_for(ordered, rate, limits, bounds))
    return Fit(bpm, plan.tempo, landings, summary, plan.end_beat, cut.options.fit, warnings)


def _harmony(
    old: Score,
    plan: ConformPlan,
    fit: Fit,
    cut: NewCut,
    networks: HarmonyNetworks,
    empty: Sequence[Rewritten],
    progress: Progress,
) -> Harmony:
    """Old chords in kept bars; the network writes the others, hearing the old ones before them."""
    slots = harmonic_slots(fit, cut.options.harmony.harmonic_rhythm_s)
    held = held_chords(old, plan, slots)
    if len(held) == len(slots):
        chords = joined_chords(old, plan, (), empty)
        return Harmony(chords, joined_dynamics(old, plan, ()), old.checkpoint, 0.0)
    film = HarmonyInput(cut.timeline, cut.features, cut.direction, slots, held)
    fresh = harmonise(film, cut.options, networks, progress)
    return replace(
        fresh,
        chords=joined_chords(old, plan, fresh.chords, empty),
        dynamics=joined_dynamics(old, plan, fresh.dynamics),
    )
