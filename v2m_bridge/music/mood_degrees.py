"""Which chords of a key suit a mood: degrees, modes and modal borrowings, as film composers use them.

In the networks' keys, C major and A minor. A weight is the share of a mood's pull that a chord gets: borrowed chords,
which the network thinks rare, get more than 1, the commonest ones of other moods less than 0. The tonic always has
some, so that a mood colours the key and does not leave it.
"""

from __future__ import annotations

from v2m_bridge.music.locks import parse_primer

MAJOR: dict[str, dict[float, str]] = {
    "exciting": {2.0: "Bb", 1.2: "D", 0.9: "C F", 0.7: "G7 Csus4 Eb", 0.6: "G"},
    "fearful": {2.0: "Cm Abm Fm", 1.8: "Bdim F#dim Bdim7 Db", 0.5: "C", -0.3: "G F"},
    "tense": {2.2: "Db", 2.0: "Cm", 1.8: "Bdim Bdim7 Fm", 1.4: "Gsus4 Csus4", 0.8: "G7", 0.7: "C Ab", -0.3: "G F"},
    "sad": {1.8: "Fm", 1.2: "Am", 1.0: "Em Dm", 0.7: "F Ab", 0.5: "C", -0.2: "G"},
    "relaxing": {2.2: "Cmaj7", 1.6: "Dm7", 1.4: "Fmaj7 Em7", 0.9: "Am C6", 0.6: "Am7 F", 0.2: "C", -0.6: "G G7"},
    "neutral": {},
}
"""Mood -> weight -> chords in C major: the sad mood has vi and the minor fourth, the tense one a phrygian second and
diminished chords over a tonic that stays, the relaxing one sevenths, the exciting one the flat seventh and the major
second degree."""

MINOR: dict[str, dict[float, str]] = {
    "exciting": {1.8: "D", 1.2: "G", 0.8: "F C", 0.7: "E7 Asus4", 0.5: "Am Dm", -0.4: "E"},
    "fearful": {2.0: "Fm Ebm", 1.8: "Bdim G#dim7 D#dim Bhdim7", 1.2: "Bb", 0.6: "Am", 0.4: "Dm", -0.5: "C G F"},
    "tense": {2.0: "G#dim7 Bdim", 1.6: "Bb", 1.4: "Esus4 Asus4", 1.1: "Am", 0.7: "E7 Dm Am7", -0.3: "F C G"},
    "sad": {1.15: "F", 1.0: "Am C Dm", 0.8: "G", 0.6: "Em Am7 Fmaj7", -0.3: "E"},
    "relaxing": {2.0: "Cmaj7", 1.4: "Fmaj7 Dm7 Am7", 0.7: "C Em7", 0.4: "Am F", -0.6: "E E7 G"},
    "neutral": {},
}
"""The same in A minor: i VI III VII with a minor fourth where it is sad, dorian and aeolian where it is exciting."""


def degree_weights(mood: str, minor: bool) -> dict[int, float]:
    """Chord id -> weight of the chords that suit ``mood`` in C major, or in A minor."""
    table = (MINOR if minor else MAJOR)[mood]
    return {chord.id: weight for weight, symbols in table.items() for chord in parse_primer(symbols)}
