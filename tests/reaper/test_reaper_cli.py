"""``push`` and ``follow`` as a user runs them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from reaper_runs import IMPORT, assert_holds, import_score, reaper_at
from reaper_scores import make_score

from v2m_bridge.reaper.midi_out import drivers_silenced
from v2m_bridge.score.model import Score
from v2m_bridge.testing.reaper.lua import Reaper
from v2m_bridge.testing.reaper.osc_peer import Peer
from v2m_bridge.testing.reaper.project import Project

COMMAND = [sys.executable, "-m", "v2m_bridge"]


@pytest.fixture
def score_folder(tmp_path: Path) -> tuple[Score, Path]:
    score = make_score(8)
    folder = tmp_path / "score"
    folder.mkdir()
    (folder / "score.json").write_text(score.model_dump_json(by_alias=True), encoding="utf-8")
    return score, folder


def pushed(
    own_home: Path, folder: Path, *arguments: str, host: Reaper | None = None
) -> tuple[subprocess.CompletedProcess[str], Project]:
    """``push`` against a REAPER with the scripts in it."""
    reaper = host or reaper_at(own_home)
    with Peer(project=reaper.project) as peer:
        command = "_" + reaper.host.command_name
        peer.scripts[command] = lambda: reaper.run(IMPORT)
        (own_home / "outbox" / "reaper-import.txt").write_text(
            f"v2m-handshake\t1\ncommand\t{command}\nreaper\t7\nscript\tx\nscripts\t0.1.0\nend\t5\n"
        )
        run = subprocess.run(
            [*COMMAND, "push", str(folder), "--port", str(peer.port), *arguments], capture_output=True, text=True
        )
        assert peer.failures == []
    assert run.returncode == 0, run.stderr
    return run, reaper.project


def test_push_brings_the_score_into_reaper(score_folder: tuple[Score, Path], own_home: Path) -> None:
    score, folder = score_folder
    run, project = pushed(own_home, folder, "--json")
    document = json.loads(run.stdout)
    assert (document["schema"], document["way"]) == ("v2m.push/1", "script")
    assert document["tempo_points"] == len(score.fit.tempo)
    assert_holds(project, score)


def test_push_says_what_is_where_and_what_to_do_next(score_folder: tuple[Score, Path], own_home: Path) -> None:
    score, folder = score_folder
    run, _ = pushed(own_home, folder)
    where, what, then = run.stdout.splitlines()
    assert where.startswith(f"{score.timeline.name} is in REAPER ") and where.endswith(" on (00:00:00:00).")
    assert f"{len(score.fit.tempo)} tempo points" in what and f"on {len(score.parts)} tracks" in what
    assert "exact to a microsecond" in what
    assert then.startswith("Next: ") and "undo" in then


def test_push_without_the_scripts_says_what_is_missing(score_folder: tuple[Score, Path]) -> None:
    _, folder = score_folder
    with Peer() as peer:
        command = [*COMMAND, "push", str(folder), "--port", str(peer.port)]
        run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "Not sent, because OSC cannot: tempo map" in run.stdout
    assert "install reaper" in run.stdout.splitlines()[-1]


def test_push_says_in_one_line_what_is_wrong(tmp_path: Path, score_folder: tuple[Score, Path]) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"schema": "v2m.score/2"}')
    for arguments, words in (([str(bad)], "is not a score"), ([str(tmp_path / "none")], "cannot read")):
        run = subprocess.run([*COMMAND, "push", *arguments], capture_output=True, text=True)
        assert run.returncode == 2
        assert words in run.stderr
        assert len(run.stderr.splitlines()) == 1


def test_push_of_markers_alone_leaves_the_rest(score_folder: tuple[Score, Path], own_home: Path) -> None:
    score, folder = score_folder
    run, project = pushed(own_home, folder, "--only", "markers", "--json")
    document = json.loads(run.stdout)
    assert document["imported"] == ["markers"]
    assert {c.name for c in project.state.markers} >= {f"cut {n}" for n in (1, 2)}
    assert (project.state.tempo.points, project.state.tracks) == ([], [])
    told, _ = pushed(own_home, folder, "--only", "chords")
    assert f"only {len(score.chords)} chords" in told.stdout


def test_an_unknown_thing_to_push_is_refused(score_folder: tuple[Score, Path], own_home: Path) -> None:
    run = subprocess.run(
        [*COMMAND, "push", str(score_folder[1]), "--only", "melody"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "tempo, markers, chords, parts" in run.stderr


def test_push_says_what_it_kept_and_takes_the_new_when_told(score_folder: tuple[Score, Path], own_home: Path) -> None:
    score, folder = score_folder
    reaper = reaper_at(own_home)
    import_score(reaper, own_home, score)
    edited = next(t for t in reaper.project.state.tracks if t.name == "Bass").items[1]
    assert edited.take
    tick, flags, data = edited.take.events[0]
    edited.take.events[0] = (tick, flags, bytes([data[0], data[1], data[2] ^ 1]))
    first, _ = pushed(own_home, folder, host=reaper)
    assert re.search(r"left as it was: part:bass:Bass, bars [2-4] to 8 \(edited by you\)", first.stdout)
    assert "push --take-new" in first.stdout
    second, project = pushed(own_home, folder, "--take-new", host=reaper)
    assert "left as it was" not in second.stdout
    assert_holds(project, score)


def test_follow_takes_its_offset_from_the_last_import(score_folder: tuple[Score, Path], own_home: Path) -> None:
    score, folder = score_folder
    command = [*COMMAND, "follow", str(folder), "--vkb", "--port", "1", "--seconds", "0"]
    before = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "was not imported yet" in before.stderr
    reaper = reaper_at(own_home, Project(offset_s=3590.0, frame_rate=24.0))
    import_score(reaper, own_home, score)
    after = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "starts at 10.000 s of the project, as imported" in after.stderr
    given = subprocess.run([*command, "--offset", "3"], capture_output=True, text=True, check=False)
    assert "as imported" not in given.stderr


@pytest.mark.skipif(os.name != "posix", reason="SIGTERM ends a program of Windows at once")
def test_follow_through_the_virtual_keyboard_ends_in_silence(score_folder: tuple[Score, Path]) -> None:
    _, folder = score_folder
    with Peer() as peer:
        run = subprocess.Popen(
            [*COMMAND, "follow", str(folder), "--vkb", "--port", str(peer.port), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ},
        )
        assert peer.wait_for(lambda: any(a == "/action" for a, _ in peer.handled), 20)
        peer.transport.play()
        assert peer.wait_for(lambda: sum("/note/" in a for a, _ in peer.handled) > 20, 20)
        run.send_signal(signal.SIGTERM)
        out, err = run.communicate(timeout=20)
        time.sleep(0.2)
        sounding: set[str] = set()
        for address, arguments in peer.handled:
            if "/note/" in address:
                (sounding.add if arguments[0] else sounding.discard)(address)
    assert run.returncode == 0, err
    assert "virtual keyboard" in err and "not answered" not in err
    assert json.loads(out)["notes"] > 10
    assert sounding == set()


def test_follow_without_a_midi_system_says_what_to_do(score_folder: tuple[Score, Path]) -> None:
    if sys.platform != "linux" or Path("/dev/snd/seq").exists():
        pytest.skip("this machine has a MIDI system")
    _, folder = score_folder
    environment = {**os.environ, "JACK_NO_START_SERVER": "1", "JACK_DEFAULT_SERVER": "none-of-this-name"}
    command = [*COMMAND, "follow", str(folder), "--seconds", "1"]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1, "the drivers' own words"
    assert "no MIDI" in run.stderr and "ALSA" in run.stderr
    assert "--vkb" in run.stderr
    loud = subprocess.run(command, capture_output=True, text=True, env={**environment, "V2M_DEBUG": "1"})
    assert len(loud.stderr.splitlines()) > 1


def test_what_fails_while_drivers_are_silenced_is_seen(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OSError, match="out of sockets"), drivers_silenced():
        os.write(2, b"ALSA lib noise\n")
        raise OSError("out of sockets")
    os.write(2, b"and this\n")
    assert capfd.readouterr().err == "and this\n"


def test_follow_says_when_reaper_is_not_heard(score_folder: tuple[Score, Path]) -> None:
    _, folder = score_folder
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        port = str(deaf.getsockname()[1])
        command = [*COMMAND, "follow", str(folder), "--vkb", "--port", port, "--seconds", "3"]
        run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    hint = run.stderr.splitlines()[-1]
    assert "REAPER has not answered" in hint and f"listens on port {port}" in hint and "install reaper" in hint
    assert "not heard" in run.stdout
