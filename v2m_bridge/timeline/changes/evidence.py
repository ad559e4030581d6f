"""How strongly two shots seem to be the same picture, and how far each kind of evidence can be trusted in this pair.

Every kind of evidence votes with a log likelihood ratio: log(P(agrees | same picture) / P(agrees | any other shot)).
The first probability is learnt from the pair of cuts itself (all names changed: names stop counting), the second is
how rare the thing is in the old cut (a length or a key that many shots share says little).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log

from v2m_bridge.timeline.changes.spans import Span

SOURCE_TOLERANCE_FRAMES = 0.6
"""Source positions that differ by less are equal: hosts round media seconds."""

LEAST_TRUST, MOST_TRUST = 0.02, 0.995
MOST_LENGTH = 0.75
"""Trims are common: a shot of another length is never taken for new for that reason alone."""
TOKEN_SHARE = 0.5
"""Two keys agree when their common tokens carry at least this share of the information of the smaller key."""

FEWEST_OTHERS = 60
"""A key that only one shot has is at least as rare as one in so many: a new shot could have any other."""

NEW_DIFFERS = 0.6
"""Least probability that new picture differs from an old shot in one kind of evidence."""

NEVER = -12.0
SURE = 0.9
"""Where positions agree in this share of renamed shots, one that does not is slipped."""

SLIPS = 0.05
"""Share of shots that are slipped: their length stays, their picture moves inside it."""

MANY_SHOTS = 8
"""A token that more shots hold does not bring two shots together by itself."""

SOURCE, ELSEWHERE = 2, 4
"""Places in the table of what was learnt: source positions in media of the same name, and of another."""

PRIOR_SHOTS = 2
TEACHES = 1.5
"""Votes of the other kinds of evidence that a match needs to teach about one kind."""

FILE_SHOTS = 2
"""One file became another when so many shots say so; a single shot would only confirm itself."""

SHIFT_SHARE = 0.25
"""A shift of all source positions (other handles) counts when this share of the matched shots shows it."""


@dataclass(frozen=True)
class Trust:
    """P(this evidence agrees | same picture), and what the names and positions of one cut became in the other.

    Attributes:
        media, name, source, length: probabilities.
        elsewhere: the same for the source position where the media has another name.
        files: (old media key, new media key) -> difference of their source positions, new minus old in frames, for
            files that several shots show to be the same.
        shifts: differences of source position that stand for the same picture in all other files.
        positions: False if both cuts are finished films from end to end, whose positions are only the record time.
    """

    media: float = 0.9
    name: float = 0.9
    source: float = 0.9
    length: float = 0.85
    elsewhere: float = 0.5
    files: Mapping[tuple[str, str], float] = field(default_factory=dict)
    shifts: tuple[float, ...] = (0.0,)
    positions: bool = True


@dataclass(frozen=True)
class ShotMatch:
    """A hypothesis: new ``[new_start, new_end)`` of one shot shows old ``[old_start, old_end)`` of one shot.

    ``slip``: the shot stands where it stood, but its picture begins so many frames later than in the old cut.
    """

    old: Span
    new: Span
    old_start: float
    old_end: float
    new_start: int
    new_end: int
    score: float = 0.0
    slip: int = 0

    @property
    def slope(self) -> float:
        """Old frames per new frame."""
        return (self.old_end - self.old_start) / (self.new_end - self.new_start)

    def old_at(self, frame: int) -> float:
        """Old position of a new frame."""
        return self.old_start + (frame - self.new_start) * self.slope

    @property
    def source_gap(self) -> float:
        """Source position of the new shot minus that of the old one, at the start of the match."""
        return self.new.source_at(self.new_start) - self.old.source_at(self.old_start + self.slip)

    @property
    def whole(self) -> bool:
        """Whether both shots are covered from end to end."""
        return (
            self.slip == 0
            and self.new_start == self.new.start
            and self.new_end == self.new.end
            and abs(self.old_start - self.old.start) < 0.5
            and abs(self.old_end - self.old.end) < 0.5
        )


class Rarity:
    """How common keys, tokens and lengths are among the old shots."""

    def __init__(self, old: Sequence[Span], new: Sequence[Span] = ()) -> None:
        self.shots = max(1, len(old))
        self.media = Counter(s.media for s in old)
        self.name = Counter(s.name for s in old if s.name)
        self.length = Counter(s.length for s in old)
        self.source = Counter(round(s.source) for s in old)
        self.token = Counter(t for s in old for t in s.media_tokens | s.name_tokens)
        self._new_shots = max(1, len(new))
        self._new_token = Counter(t for s in new for t in s.media_tokens | s.name_tokens)
        self.by_media: dict[str, list[Span]] = defaultdict(list)
        self.by_length: dict[int, list[Span]] = defaultdict(list)
        self.by_token: dict[str, list[Span]] = defaultdict(list)
        for span in old:
            self.by_media[span.media].append(span)
            self.by_length[span.length].append(span)
            for token in span.media_tokens | span.name_tokens:
                if self.token[token] <= MANY_SHOTS:
                    self.by_token[token].append(span)
        self._likeness: dict[tuple[str, str, bool], float] = {}

    def share(self, count: int) -> float:
        """A count of old shots as the probability that any other shot agrees, never 0, not even in a short cut."""
        return min(1.0, (max(1, count) - 1) / self.shots + 1 / max(self.shots, FEWEST_OTHERS))

    def information(self, tokens: Iterable[str]) -> float:
        """Surprise of a set of tokens; one that is common in either cut (a suffix that all got) says little."""
        return sum(-log(max(self.share(self.token[t]), self._new_token[t] / self._new_shots)) for t in tokens)

    def key_share(self, old_key: str, new_key: str, old_tokens: frozenset[str], new_tokens: frozenset[str]) -> float:
        """Share of old shots that would agree with the new key as well as this one does; 0: the keys do not agree."""
        found = self._likeness.get((old_key, new_key, False))
        if found is None:
            found = self._key_share(old_key, new_key, old_tokens, new_tokens)
            self._likeness[old_key, new_key, False] = found
        return found

    def _key_share(self, old_key: str, new_key: str, old_tokens: frozenset[str], new_tokens: frozenset[str]) -> float:
        if old_key == new_key:
            return self.share(self.media[old_key] or self.name[old_key])
        common = old_tokens & new_tokens
        if not common:
            return 0.0
        least = min(self.information(old_tokens), self.information(new_tokens))
        if least <= 0 or self.information(common) < TOKEN_SHARE * least:
            return 0.0
        rarest = min(self.token[t] for t in common)
        return 0.0 if rarest > max(1, self.shots // 4) else self.share(rarest)


def vote(agrees: bool, share: float, trust: float) -> float:
    """Log likelihood ratio of one piece of evidence; ``share``: how many others would agree by chance."""
    if agrees:
        return max(0.0, log(trust / share))
    return min(0.0, log((1 - trust) / max(1 - share, NEW_DIFFERS)))


def weigh(match: ShotMatch, rarity: Rarity, trust: Trust, rivals: int) -> float:
    """Sum of the votes on a match.

    Args:
        rivals: old shots whose source range overlaps the new shot's in media of the same key.
    """
    old, new = match.old, match.new
    if old.black or new.black:
        if old.black and new.black:
            return vote(match.whole, rarity.share(rarity.length[new.length]), trust.length)
        return NEVER
    if match.slip and trust.elsewhere < SURE and not media_share(match, rarity, trust):
        return NEVER
    return sum(votes(match, rarity, trust, rivals))


def votes(match: ShotMatch, rarity: Rarity, trust: Trust, rivals: int) -> tuple[float, float, float, float]:
    """Votes of length, media, source position and name on a match of two pictures; see :func:`weigh`."""
    old, new = match.old, match.new
    share = media_share(match, rarity, trust)
    position = 0.0
    if trust.positions:
        in_place = is_in_place(match, trust)
        heads = round(old.source) if in_place else round(new.source)
        position = vote(in_place, rarity.share(rarity.source[heads]), trust.source if share else trust.elsewhere)
        if share and in_place and rivals:
            share = min(share, rarity.share(rivals))
    media = vote(share > 0, share or rarity.share(1), trust.media)
    name = 0.0
    if has_names(match):
        name_share = rarity.key_share(old.name, new.name, old.name_tokens, new.name_tokens)
        name = vote(name_share > 0, name_share or rarity.share(1), trust.name)
    return _weigh_length(match, rarity, trust), media, position, name


def has_names(match: ShotMatch) -> bool:
    """Whether the clips' names say anything that the media's do not."""
    old, new = match.old, match.new
    return bool(old.name and new.name) and not (old.name == old.media and new.name == new.media)


def media_share(match: ShotMatch, rarity: Rarity, trust: Trust) -> float:
    """Share of old shots whose media would agree with the new shot's as well; 0: the media do not agree."""
    old, new = match.old, match.new
    share = rarity.key_share(old.media, new.media, old.media_tokens, new.media_tokens)
    if not share and (old.media, new.media) in trust.files:
        return rarity.share(rarity.media[old.media])
    return share


def is_in_place(match: ShotMatch, trust: Trust) -> bool:
    """Whether the source positions say the same."""
    own = trust.files.get((match.old.media, match.new.media))
    shifts = trust.shifts if own is None else (own,)
    return any(abs(match.source_gap - shift) < SOURCE_TOLERANCE_FRAMES for shift in shifts)


def _weigh_length(match: ShotMatch, rarity: Rarity, trust: Trust) -> float:
    if match.whole:
        return vote(True, rarity.share(rarity.length[match.new.length]), trust.length)
    if match.slip:
        slipped = vote(True, rarity.share(rarity.length[match.new.length]), trust.length) + log(SLIPS)
        return slipped + 2 * log(max(0.05, 1 - abs(match.slip) / match.new.length))
    covered = (match.new_end - match.new_start) / max(1, min(match.new.length, match.old.length))
    return log(1 - trust.length) + 2 * log(max(0.05, min(1.0, covered)))


def learn(matches: Sequence[ShotMatch], rarity: Rarity, trust: Trust, first: Trust) -> Trust:
    """Trust in each kind of evidence from shots that were matched.

    A match teaches about one kind of evidence only when the other kinds alone speak for it. ``first``: what was
    thought before anything was matched; it counts as ``PRIOR_SHOTS`` shots.
    """
    pictures = [m for m in matches if not m.old.black and not m.new.black]
    if not pictures:
        return first
    shifts = _shifts(pictures)
    trust = replace(trust, shifts=shifts, files=_files(pictures))
    said = [votes(m, rarity, trust, 1) for m in pictures]
    kinds: list[list[bool]] = [[], [], [], [], []]
    for match, each in zip(pictures, said, strict=True):
        same_media = media_share(match, rarity, trust) > 0
        for kind, agrees in enumerate(_agreements(match, rarity, trust)):
            if agrees is not None and sum(each) - each[kind] > TEACHES:
                kinds[ELSEWHERE if kind == SOURCE and not same_media else kind].append(agrees)
    priors = (first.length, first.media, first.source, first.name, first.elsewhere)
    length, media, source, name, elsewhere = (_share_of(k, p) for k, p in zip(kinds, priors, strict=True))
    return Trust(
        media=media,
        name=name,
        source=source,
        length=min(MOST_LENGTH, max(0.2, length)),
        elsewhere=elsewhere,
        files=trust.files,
        shifts=shifts,
        positions=trust.positions,
    )


def _files(matches: Sequence[ShotMatch]) -> dict[tuple[str, str], float]:
    """Files that became one another, each with the shift that most of its whole shots show."""
    gaps: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for old, new in {(m.old, m.new) for m in matches if m.whole or m.slip}:
        gaps[old.media, new.media][round(new.source - old.source)] += 1
    found: dict[tuple[str, str], float] = {}
    for files, counts in gaps.items():
        gap, count = counts.most_common(1)[0]
        if count >= FILE_SHOTS and count > counts.total() / 2:
            found[files] = float(gap)
    return found


def _agreements(match: ShotMatch, rarity: Rarity, trust: Trust) -> Iterable[bool | None]:
    """Whether length, media, source position and name agree; None where a cut does not say."""
    old, new = match.old, match.new
    yield match.whole
    yield rarity.key_share(old.media, new.media, old.media_tokens, new.media_tokens) > 0
    yield is_in_place(match, trust)
    named = has_names(match)
    yield rarity.key_share(old.name, new.name, old.name_tokens, new.name_tokens) > 0 if named else None


def _share_of(agreed: Sequence[bool], prior: float) -> float:
    share = (sum(agreed) + PRIOR_SHOTS * prior) / (len(agreed) + PRIOR_SHOTS)
    return min(MOST_TRUST, max(LEAST_TRUST, share))


def _shifts(matches: Sequence[ShotMatch]) -> tuple[float, ...]:
    """0, and a shift that many shots of one length have in common: all files were pulled again with other handles."""
    heads = ((m.old, m.new) for m in matches if m.whole or m.slip)
    return shifts_of(Counter(round(new.source - old.source) for old, new in heads))


def shifts_of(gaps: Counter[int]) -> tuple[float, ...]:
    """0, and the commonest difference of source positions if it is no chance."""
    if not gaps:
        return (0.0,)
    shift, count = gaps.most_common(1)[0]
    if shift == 0 or count < max(3, SHIFT_SHARE * gaps.total()):
        return (0.0,)
    return (0.0, float(shift))
