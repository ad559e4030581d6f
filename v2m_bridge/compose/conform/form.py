"""The form of the old score over the bars of the new one: phrases keep their letters, themes their bars."""

from __future__ import annotations

from collections import Counter

from v2m_bridge.compose.conform.plan import ConformPlan
from v2m_bridge.music.form import Form, Phrase
from v2m_bridge.score.model import Score, ThemeDocument
from v2m_bridge.sync.document import tempo_map_from_document


def new_bars(old: Score, plan: ConformPlan) -> dict[int, int]:
    """Number of each kept old bar -> its number in the new score, both from 1."""
    new_of = {round(b.start_beat, 6): b.number for b in plan.tempo.bars(plan.end_beat)}
    found: dict[int, int] = {}
    for bar in tempo_map_from_document(old.fit).bars(old.fit.end_beat):
        for run in plan.kept:
            if run.old_start - 1e-6 <= bar.start_beat < run.old_end - 1e-6:
                number = new_of.get(round(bar.start_beat + run.shift_beats, 6))
                if number is not None:
                    found.setdefault(bar.number, number)
    return found


def moved_form(old: Score, plan: ConformPlan) -> Form | None:
    """The phrases of which a bar is kept, in order of the new film and without gaps; None without any."""
    numbers = new_bars(old, plan)
    starts: dict[int, str] = {}
    for phrase in old.form:
        kept = [numbers[n] for n in range(phrase.start_bar, phrase.start_bar + phrase.bars) if n in numbers]
        if kept:
            starts.setdefault(min(kept), phrase.letter)
    if not starts:
        return None
    firsts = sorted(starts)
    ends = [*firsts[1:], len(list(plan.tempo.bars(plan.end_beat))) + 1]
    seen: Counter[str] = Counter()
    phrases: list[Phrase] = []
    for index, (first, end) in enumerate(zip(firsts, ends, strict=True)):
        letter = starts[first]
        begin = 1 if index == 0 else first
        phrases.append(Phrase(begin, end - begin, letter, seen[letter]))
        seen[letter] += 1
    return Form(tuple(phrases))


def moved_themes(old: Score, plan: ConformPlan) -> tuple[ThemeDocument, ...]:
    """Appearances of themes all of whose bars are kept and still follow one another."""
    numbers = new_bars(old, plan)
    found: list[ThemeDocument] = []
    for theme in old.themes:
        first, last = numbers.get(theme.first_bar), numbers.get(theme.last_bar)
        if first is not None and last is not None and last - first == theme.last_bar - theme.first_bar:
            found.append(theme.model_copy(update={"first_bar": first, "last_bar": last}))
    return tuple(sorted(found, key=lambda t: t.first_bar))
