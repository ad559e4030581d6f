"""OSC to REAPER over real sockets, against a peer that drops what REAPER drops."""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reaper_runs import IMPORT, WATCH, assert_holds, reaper_at
from reaper_scores import make_score

from v2m_bridge.errors import HostError
from v2m_bridge.reaper.osc import MAX_MESSAGE_BYTES, OscLink, decode, encode, shortened
from v2m_bridge.reaper.push import PushOptions, push_score
from v2m_bridge.reaper.session import plan_session
from v2m_bridge.testing.reaper.osc_peer import Peer

COMMAND = "_RS0123456789abcdef0123456789abcdef01234567"


@given(
    st.lists(
        st.integers(-(2**31), 2**31 - 1)
        | st.floats(width=32, allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=60),
        max_size=6,
    )
)
def test_messages_come_back_as_they_were_sent(arguments: list[int | float | str]) -> None:
    (message,) = decode(encode("/v2m/x_1", *arguments))
    assert message.address == "/v2m/x_1"
    assert message.arguments == tuple(arguments)


@pytest.mark.parametrize("value", [True, None, 2**31, b"x", float("nan"), float("inf"), 1e39, "x" * 1100])
def test_what_reaper_would_drop_is_never_sent(value: object) -> None:
    with pytest.raises(HostError):
        encode("/time", value)  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["/a*b", "/a?", "/@", "/a,b", "a", "/a b", ""])
def test_addresses_hold_no_wildcards(address: str) -> None:
    with pytest.raises(HostError):
        encode(address)


def test_a_long_name_is_cut_between_characters_to_fit() -> None:
    name = shortened("é" * 2000, "/marker_id/1001/name")
    assert len(encode("/marker_id/1001/name", name)) <= MAX_MESSAGE_BYTES
    assert len(name) > 450
    assert set(name) == {"é"}


def test_the_peer_drops_what_reaper_drops() -> None:
    with Peer() as peer, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:

        def send(data: bytes) -> None:
            raw.sendto(data, ("127.0.0.1", peer.port))

        send(b"/play\0\0\0,T\0\0")  # a bool
        send(encode("/x", "y" * 900) + b"\0" * 200)
        send(b"/marker*/1\0\0,i\0\0" + struct.pack(">i", 1))
        send(encode("/time", 12.5))
        assert peer.wait_for(lambda: peer.transport.cursor_s == 12.5)
        assert len(peer.dropped) == 3
        bundle = b"#bundle\0" + b"\0" * 8
        for message in (encode("/time", 3.0), encode("/play", 1.0)):
            bundle += struct.pack(">i", len(message)) + message
        send(bundle)
        assert peer.wait_for(lambda: peer.transport.playing)
        assert peer.transport.position() == pytest.approx(3.0, abs=0.5)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127/8 without setting it up")
def test_the_port_of_a_local_reaper_is_not_open_to_others() -> None:
    with OscLink() as link:
        assert link._socket.getsockname()[0] == "127.0.0.1"
        assert link._socket.family == socket.AF_INET
    with OscLink(host="192.0.2.1") as away:  # a REAPER on another machine answers from there
        assert away._socket.getsockname()[0] == "0.0.0.0"


def test_feedback_comes_back_to_the_sending_socket() -> None:
    with Peer() as peer, OscLink(port=peer.port) as link:
        peer.transport.play()
        link.send("/action", 41743)
        seen = {}
        while len(seen) < 4:
            message = link.receive(2.0)
            assert message is not None
            seen[message.address] = message.arguments
        assert seen["/play"] == (1.0,)


def handshake(outbox: Path) -> None:
    outbox.mkdir(parents=True, exist_ok=True)
    (outbox / "reaper-import.txt").write_text(
        f"v2m-handshake\t1\ncommand\t{COMMAND}\nreaper\t7.79/linux\nscript\t/x.lua\nscripts\t0.1.0\nend\t5\n"
    )


def test_push_runs_the_script_and_brings_back_what_it_read(tmp_path: Path) -> None:
    reaper = reaper_at(tmp_path)
    handshake(tmp_path / "outbox")
    score = make_score(10)
    with Peer(project=reaper.project, scripts={COMMAND: lambda: reaper.run(IMPORT)}) as peer:
        report = push_score(score, tmp_path / "outbox", PushOptions(port=peer.port, timeout_s=20))
        assert peer.failures == []
    assert_holds(reaper.project, score)
    answer = report.answer
    assert report.way == "script"
    assert answer is not None
    assert answer.ok
    assert answer.tempo_points == len(score.fit.tempo)
    assert answer.worst_error_s < 1e-6
    assert {p.key: p.notes for p in answer.parts} == {f"part:{p.role}:{p.name}": len(p.notes) for p in score.parts}
    assert [t for t, _ in answer.markers] == pytest.approx([m.seconds for m in plan_session(score).markers])


def test_a_refusal_is_an_error_with_reapers_reason(tmp_path: Path) -> None:
    reaper = reaper_at(tmp_path)
    reaper.project.play_state = 5
    handshake(tmp_path / "outbox")
    with Peer(scripts={COMMAND: lambda: reaper.run(IMPORT)}) as peer, pytest.raises(HostError, match="recording"):
        push_score(make_score(), tmp_path / "outbox", PushOptions(port=peer.port, timeout_s=20))


def test_silence_is_an_error_that_says_what_to_look_at(tmp_path: Path) -> None:
    handshake(tmp_path / "outbox")
    with Peer() as peer, pytest.raises(HostError, match=r"did not answer within 0\.3 s"):
        push_score(make_score(), tmp_path / "outbox", PushOptions(port=peer.port, timeout_s=0.3))


def test_a_watching_script_takes_the_score_instead(tmp_path: Path) -> None:
    reaper = reaper_at(tmp_path)
    handshake(tmp_path / "outbox")
    reaper.run(WATCH)
    ended = threading.Event()

    def loop() -> None:
        while not ended.is_set():
            reaper.tick()
            time.sleep(0.01)

    thread = threading.Thread(target=loop)
    with Peer() as peer:
        thread.start()
        try:
            report = push_score(make_score(), tmp_path / "outbox", PushOptions(port=peer.port, timeout_s=20))
        finally:
            ended.set()
            thread.join()
        assert peer.actions == []
    assert report.answer is not None
    assert report.answer.ok
    assert len(reaper.project.undo_stack) == 1
    reaper.close()
    assert not (tmp_path / "outbox" / "reaper-watching.txt").exists()


def test_an_old_answer_is_not_taken_for_the_new_one(tmp_path: Path) -> None:
    reaper = reaper_at(tmp_path)
    handshake(tmp_path / "outbox")
    with Peer(scripts={COMMAND: lambda: reaper.run(IMPORT)}) as peer:
        push_score(make_score(), tmp_path / "outbox", PushOptions(port=peer.port, timeout_s=20))
        peer.scripts.clear()
        with pytest.raises(HostError, match="did not answer"):
            push_score(make_score(), tmp_path / "outbox", PushOptions(port=peer.port, timeout_s=0.3))


def test_without_the_script_markers_and_the_region_go_by_osc_alone(tmp_path: Path) -> None:
    score = make_score(24)
    session = plan_session(score)
    with Peer() as peer:
        peer.project.add_marker(4.0, "mine")
        peer.project.add_marker(6.0, "also mine", number=1500)
        for _ in range(2):
            report = push_score(score, tmp_path / "outbox", PushOptions(port=peer.port))
        assert peer.wait_for(lambda: any(m.end is not None and m.name for m in peer.project.state.markers))
        assert peer.dropped == []
        assert peer.transport.position() == 0.0
        markers = peer.project.state.markers
    assert (report.way, report.markers, report.confirmed) == ("osc", len(session.markers), len(session.markers))
    assert "tempo map" in report.left_out
    mine = [(m.name, m.position) for m in markers if m.name.endswith("mine")]
    assert mine == [("mine", 4.0), ("also mine", 6.0)]
    ours = sorted((m.position, m.name) for m in markers if m.end is None and not m.name.endswith("mine"))
    assert [name for _, name in ours] == [m.name for m in sorted(session.markers, key=lambda m: (m.seconds, m.name))]
    # OSC times are 32-bit floats
    assert [t for t, _ in ours] == pytest.approx([m.seconds for m in session.markers], abs=1e-5)
    (region,) = [m for m in markers if m.end is not None]
    assert region.end == pytest.approx(session.duration_s, abs=1e-4)


def test_push_without_feedback_still_writes(tmp_path: Path) -> None:
    score = make_score()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        report = push_score(score, tmp_path / "outbox", PushOptions(port=deaf.getsockname()[1]))
        packets = []
        deaf.settimeout(0.2)
        while len(packets) < 2 * report.markers + 6:
            packets.append(deaf.recv(2048))
    assert report.confirmed == 0
    assert sum(b"/marker_id/" in p for p in packets) == 2 * report.markers
    assert max(map(len, packets)) <= MAX_MESSAGE_BYTES
