"""Push a score into a running REAPER: by its script where that is installed, else markers and regions by OSC alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from v2m_bridge.errors import HostAbsent, HostError, InputError
from v2m_bridge.progress import Progress, silent
from v2m_bridge.reaper.osc import ADDRESSES, REFRESH_SURFACES, OscLink, shortened
from v2m_bridge.reaper.read_answer import ANSWER_SUFFIX, Answer, read_answer, read_handshake
from v2m_bridge.reaper.session import EVERYTHING, ImportWish, Thing, plan_session
from v2m_bridge.reaper.write_job import post_job
from v2m_bridge.score.model import Score

POLL_S = 0.05
WATCHING = "reaper-watching.txt"
WATCHER_S = 3.0
"""The watcher looks twice a second; after this long without an answer it is taken for killed, its file left behind."""

FIRST_NUMBER = 1001
"""Lowest number of markers made by OSC: writing to a number in use would move a marker of the user."""

MARKER_BANK = 512
QUIET_S = 0.4
MESSAGES_A_TICK = 12
TICK_S = 0.04
"""REAPER empties its queue about 30 times a second; markers are sent in portions of that pace."""


@dataclass(frozen=True)
class PushOptions:
    """Where REAPER is and how long to wait for it.

    Attributes:
        timeout_s: how long the script may take to answer; a question on REAPER's screen waits as long.
        osc_only: leave the script alone and write markers and regions by OSC.
        wish: what of the score to import, and whether to replace what the user changed.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    listen_port: int | None = None
    timeout_s: float = 60.0
    osc_only: bool = False
    wish: ImportWish = EVERYTHING


@dataclass(frozen=True)
class PushReport:
    """What was done: ``way`` is ``script`` or ``osc``; ``left_out`` is what that way cannot carry."""

    way: str
    job: Path
    answer: Answer | None
    markers: int
    confirmed: int
    left_out: tuple[str, ...]


def push_score(
    score: Score, outbox: Path, options: PushOptions = PushOptions(), progress: Progress = silent
) -> PushReport:
    """Post ``score`` into ``outbox`` and have REAPER take it.

    Raises:
        HostError: the script refused (its message), or did not answer in time.
        InputError: without the script only markers go, and others were asked for.
    """
    job = post_job(score, outbox, options.wish)
    progress("import", 0.0)
    watched = not options.osc_only and _taken_by_watcher(job)
    handshake = read_handshake(outbox)
    with OscLink(options.host, options.port, options.listen_port) as link:
        if not watched:
            if handshake is None or options.osc_only:
                if options.wish.only and Thing.MARKERS not in options.wish.only:
                    raise InputError(
                        "OSC alone carries markers only", "run v2m-bridge install reaper and start REAPER again"
                    )
                return _push_markers(score, job, link, progress)
            link.send(ADDRESSES["action_by_name"], handshake.command)
        answer = _await_answer(job, options.timeout_s, progress)
    if not answer.ok:
        raise HostError(f"REAPER did not import the score: {answer.message}", "nothing in the project was changed")
    return PushReport("script", job, answer, len(answer.markers), len(answer.markers), ())


def _taken_by_watcher(job: Path) -> bool:
    """Whether "Watch for scores" runs and takes the job, so that it is not imported a second time."""
    deadline = time.monotonic() + WATCHER_S
    while (job.parent / WATCHING).is_file() and time.monotonic() < deadline:
        if job.with_suffix(ANSWER_SUFFIX).is_file():
            return True
        time.sleep(POLL_S)
    return False


def _await_answer(job: Path, timeout_s: float, progress: Progress) -> Answer:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        answer = read_answer(job.with_suffix(ANSWER_SUFFIX))
        if answer is not None:
            return answer
        progress("import", 1 - (deadline - time.monotonic()) / timeout_s)
        time.sleep(POLL_S)
    raise HostAbsent(
        f"REAPER did not answer within {timeout_s:g} s",
        "is it running, is its OSC device on, does a question wait on its screen? "
        f"The score is posted: run 'v2m: Import score' there, or open {job}",
    )


def _push_markers(score: Score, job: Path, link: OscLink, progress: Progress) -> PushReport:
    """Write named markers and the cue region. OSC cannot set colours, and each write makes an undo point."""
    session = plan_session(score)
    taken = _numbers_in_use(link)
    first = max([FIRST_NUMBER, *(n + 1 for n, _ in taken)])
    ours: dict[str, list[int]] = {}
    for number, name in taken:
        if number >= FIRST_NUMBER:
            ours.setdefault(name, []).append(number)
    wanted = []
    for marker in session.markers:
        # a marker of the same name is moved instead of made twice
        if ours.get(marker.name):
            number = ours[marker.name].pop(0)
        else:
            number, first = first, first + 1
        wanted.append((number, marker.seconds, marker.name))
    for index, (number, seconds, name) in enumerate(wanted):
        time_address = ADDRESSES["marker_time"].format(number=number)
        name_address = ADDRESSES["marker_name"].format(number=number)
        link.send(time_address, float(seconds))
        link.send(name_address, shortened(name, name_address))
        progress("markers", (index + 1) / len(wanted))
        if index % (MESSAGES_A_TICK // 2) == 0:
            time.sleep(TICK_S)
    region = {key: ADDRESSES[f"region_{key}"].format(number=FIRST_NUMBER) for key in ("time", "length", "name")}
    link.send(region["time"], 0.0)
    link.send(region["length"], float(session.duration_s))
    link.send(region["name"], shortened(session.title, region["name"]))
    link.send(ADDRESSES["time"], 0.0)
    there = {name for _, name in _numbers_in_use(link)}
    confirmed = sum(shortened(name, ADDRESSES["marker_name"]) in there for _, _, name in wanted)
    left_out = ("tempo map", "chords", "MIDI parts", "picture", "marker colours")
    return PushReport("osc", job, None, len(wanted), confirmed, left_out)


def _numbers_in_use(link: OscLink) -> list[tuple[int, str]]:
    """Number and name of every marker in REAPER's feedback; empty where it sends none."""
    link.send(ADDRESSES["marker_count"], MARKER_BANK)
    link.send(ADDRESSES["action"], REFRESH_SURFACES)
    names: dict[int, str] = {}
    numbers: dict[int, int] = {}
    while (message := link.receive(QUIET_S)) is not None:
        _, _, *parts = [*message.address.split("/"), ""]
        if not message.address.startswith("/marker/") or not parts[0].isdigit() or not message.arguments:
            continue
        index, what = int(parts[0]), "/".join(p for p in parts[1:] if p)
        if what == "name":
            names[index] = str(message.arguments[0])
        elif what == "number/str" and str(message.arguments[0]).isdigit():
            numbers[index] = int(str(message.arguments[0]))
    return [(number, names.get(index, "")) for index, number in sorted(numbers.items())]
