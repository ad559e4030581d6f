"""Which theme sounds where, in which form and on which instrument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from v2m_bridge.music.form import Form, Phrase
from v2m_bridge.music.themes.development import Development

RETURNS = (Development.SEQUENCE, Development.FRAGMENT, Development.AUGMENTATION, Development.MODE)
"""What returns become in turn; the last one is always the strongest statement."""


@dataclass(frozen=True)
class Appearance:
    """A phrase that carries the theme of its letter.

    ``by_counter``: the counterline's instrument plays it instead of the melody's.
    """

    phrase: Phrase
    how: Development
    by_counter: bool = False


def appearances(form: Form, energy: Sequence[float], speech: Sequence[float]) -> tuple[Appearance, ...]:
    """Where themes appear.

    A theme is absent where more than half of a phrase is spoken over, and where a return is calmer than nine tenths
    of the film. The first time a letter comes its theme is stated; the last time of the most frequent letter is final.

    Args:
        energy: of each phrase, in any unit.
        speech: share of each phrase that is spoken over, 0..1.
    """
    main = [index for index, phrase in enumerate(form.phrases) if phrase.main]
    calm = sorted(energy)[len(energy) // 10] if energy else 0.0
    open_ = [i for i in main if speech[i] <= 0.5 and (form.phrases[i].occurrence == 0 or energy[i] > calm)]
    # An early phrase that is closed to the theme hands its statement to the next one of its letter.
    found: list[Appearance] = []
    times: dict[str, int] = {}
    last = {form.phrases[i].letter: i for i in open_}
    leading = max(
        last, key=lambda letter: (sum(form.phrases[i].letter == letter for i in open_), -ord(letter)), default=""
    )
    for index in open_:
        phrase = form.phrases[index]
        turn = times.get(phrase.letter, 0)
        times[phrase.letter] = turn + 1
        if turn == 0:
            how = Development.STATEMENT
        elif index == last[phrase.letter] and phrase.letter == leading:
            how = Development.FINAL
        else:
            how = RETURNS[(turn - 1) % len(RETURNS)]
        found.append(Appearance(phrase, how, by_counter=how is Development.SEQUENCE and turn >= 1))
    return tuple(found)
