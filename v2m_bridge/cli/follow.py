"""``v2m-bridge follow``: play a score live, in time with REAPER."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from v2m_bridge.reaper.midi_out import MidiOutput
    from v2m_bridge.reaper.osc import OscLink
    from v2m_bridge.score.model import Score


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("follow")(follow)


def follow(
    source: Path = typer.Argument(..., metavar="SCORE", help="A score.json, or the folder it is in."),
    part: list[str] = typer.Option([], "--part", help="Only this part. Repeatable."),
    midi_port: str | None = typer.Option(None, "--midi-port", help="An existing MIDI output instead of our own."),
    vkb: bool = typer.Option(False, "--vkb", help="Through REAPER's virtual keyboard: late and uneven."),
    host: str = typer.Option("127.0.0.1", "--host", help="Machine on which REAPER runs."),
    port: int = typer.Option(8000, "--port", min=1, max=65535, help="UDP port of REAPER's OSC device."),
    listen: int | None = typer.Option(None, "--listen", min=1, max=65535, help="Our own port for REAPER's feedback."),
    offset: float | None = typer.Option(
        None,
        "--offset",
        help="Seconds in the project at which the cue starts; without it where the last import put it.",
    ),
    lead: float = typer.Option(0.0, "--lead", help="Milliseconds to play early, against latency."),
    seconds: float | None = typer.Option(None, "--seconds", min=0.0, help="End after so many seconds."),
    as_json: bool = typer.Option(False, "--json", help="Print what was played as one JSON object and nothing else."),
) -> None:
    """Play the parts into a virtual MIDI port while REAPER plays, to hear or record them. Ctrl-C ends it."""
    import sys
    import threading

    from v2m_bridge.cli.push import read_score
    from v2m_bridge.cli.terminal import print_json
    from v2m_bridge.errors import InputError
    from v2m_bridge.reaper.follow import Follower, FollowOptions, live_events
    from v2m_bridge.reaper.osc import OscLink

    score = read_score(source)
    events = live_events(score, part)
    if not events:
        raise InputError(f"the score has no part called {', '.join(part)}" if part else "the score has no parts")
    ended = threading.Event()
    _end_on_signals(ended, seconds)
    with OscLink(host, port, listen) as link, closing(_output(link, midi_port, vkb)) as output:
        base_s = _imported_at(score) if offset is None else offset
        options = FollowOptions(base_s, lead / 1000, unheard=lambda: _hint(port, link.local_port))
        follower = Follower(events, link, output, options)
        print("following REAPER; Ctrl-C ends it", file=sys.stderr)
        try:
            report = follower.run(ended)
        except KeyboardInterrupt:
            report = follower.player.report
    if as_json:
        print_json(
            {"schema": "v2m.follow/1", "notes": report.notes, "jumps": report.jumps, "reaper_heard": report.heard}
        )
    elif report.heard:
        typer.echo(f"{report.notes} notes played, {report.jumps} starts and jumps followed.")
    else:
        typer.echo("REAPER was not heard, so nothing was played.")


def _imported_at(score: Score) -> float:
    """Where the answer of the last import of this score says that the cue starts; 0 where it was never imported."""
    import sys

    from v2m_bridge.reaper.read_answer import ANSWER_SUFFIX, read_answer
    from v2m_bridge.reaper.session import plan_session
    from v2m_bridge.settings import state_folder

    answer = read_answer(state_folder("outbox") / f"{plan_session(score).identity}{ANSWER_SUFFIX}")
    if answer is None or not answer.ok:
        print("this score was not imported yet: the cue is taken to start with the project (--offset)", file=sys.stderr)
        return 0.0
    print(f"the cue starts at {answer.base_s:.3f} s of the project, as imported", file=sys.stderr)
    return answer.base_s


def _hint(port: int, listening: int) -> None:
    from v2m_bridge.cli.terminal import print_warnings

    print_warnings(
        [
            f"REAPER has not answered. Is it running, with an OSC device that listens on port {port} and sends to port "
            f"{listening}? (Preferences > Control/OSC/web; v2m-bridge install reaper sets it up). Still listening."
        ]
    )


def _output(link: OscLink, midi_port: str | None, vkb: bool) -> MidiOutput:
    from v2m_bridge.cli.terminal import print_warnings
    from v2m_bridge.reaper.midi_out import VKB_WARNING, VkbOutput, open_port

    if vkb:
        print_warnings([VKB_WARNING])
        return VkbOutput(link)
    return open_port(midi_port)


def _end_on_signals(ended: object, seconds: float | None) -> None:
    """Set ``ended`` on a termination signal or a closed terminal, or after ``seconds``, so that no note is left on."""
    import signal
    import threading

    assert isinstance(ended, threading.Event)
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: ended.set())
    if seconds is not None:
        timer = threading.Timer(seconds, ended.set)
        timer.daemon = True
        timer.start()
