"""The single findings of ``v2m-bridge doctor``. A check never raises: what it trips over is its finding."""

from __future__ import annotations

import os
import platform
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from v2m_bridge.daemon.whereabouts import running
from v2m_bridge.reaper.install import ReaperMachine, presence
from v2m_bridge.reaper.read_answer import read_handshake
from v2m_bridge.resolve.install import (
    LUA_NAME,
    PYTHON_NAME,
    Exchange,
    System,
    entries,
    exchange,
    last_notice,
    our_entries,
    stamped_port,
)
from v2m_bridge.settings import Settings, shipped_models
from v2m_bridge.windows import STORE_REFUSAL, STORE_REMEDY, python_of_the_store

State = Literal["ok", "unused", "warning", "failed"]
"""``unused``: not there, and nothing on this machine needs it; the remedy then says how to begin."""

REACH_S = 2.0
RECENT_S = 24 * 3600
LONGEST_INBOX = 130
"""Windows refuses paths above 259 characters; the menu script needs about 120 of them for its file names."""


@dataclass(frozen=True)
class Check:
    """One finding; ``remedy`` says what to do where there is something to do."""

    name: str
    state: State
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Site:
    """What is looked at."""

    home: Path
    host: str
    port: int
    osc_port: int
    machine: System
    reaper: ReaperMachine = field(default_factory=ReaperMachine.this)

    @property
    def resolve_linked(self) -> bool:
        """Whether Resolve's menu has an entry of ours."""
        return any((scripts / "Utility" / LUA_NAME).is_file() for scripts in self.machine.script_folders)

    @property
    def linked(self) -> bool:
        """Whether Resolve or REAPER was given anything of ours: only then folders and daemon have to be there."""
        return self.resolve_linked or presence(self.home, self.reaper.resource, self.exchange.inbox).scripts

    @property
    def exchange(self) -> Exchange:
        """The inbox, the outbox and what lies beside them, of this state folder."""
        return exchange(self.home, self.machine)


def all_checks(site: Site | None = None) -> list[Check]:
    """Every finding, in the order in which they depend on each other."""
    if site is None:
        settings = Settings()
        home = settings.home.expanduser()
        here = running(home) or settings
        site = Site(home, here.host, here.port, here.osc_port, System.this())
    return [_guarded(check, site) for check in CHECKS]


def _guarded(check: Callable[[Site], Check], site: Site) -> Check:
    try:
        return check(site)
    except Exception as error:  # a doctor who faints helps nobody
        name = check.__name__.removeprefix("check_").replace("_", " ")
        return Check(name, "failed", f"{type(error).__name__}: {error}", "please report this")


def check_python(site: Site) -> Check:
    """Whether what this Python writes is seen by other programs."""
    if site.machine.windows and python_of_the_store():
        return Check("python", "failed", STORE_REFUSAL, STORE_REMEDY)
    return Check("python", "ok", f"{platform.python_version()} at {sys.executable}")


def check_state_folder(site: Site) -> Check:
    """Whether the state folder is there and can be written."""
    if not site.home.is_dir():
        if not site.linked:
            return Check("state folder", "unused", f"{site.home} is made when it is first needed")
        return Check("state folder", "failed", f"{site.home} does not exist", _install_again(site))
    if not _writable(site.home):
        return Check("state folder", "failed", f"{site.home} cannot be written to", "fix its rights, or set V2M_HOME")
    return Check("state folder", "ok", str(site.home))


def _install_again(site: Site) -> str:
    return f"run: v2m-bridge install {'resolve' if site.resolve_linked else 'reaper'}"


def check_menu_entry(site: Site) -> Check:
    """Whether Resolve has the menu entry where it looks for scripts."""
    paths = [scripts / "Utility" / LUA_NAME for scripts in site.machine.script_folders]
    if not site.resolve_linked:
        if not site.machine.fusion.is_dir():
            text = "DaVinci Resolve was never started by this user"
            return Check("menu entry", "unused", text, "if you edit in Resolve, run: v2m-bridge install resolve")
        # half an installation is broken; none at all may be meant so
        state: State = "failed" if our_entries(site.machine) else "warning"
        return Check("menu entry", state, f"there is no {paths[0]}", "run: v2m-bridge install resolve")
    others = [p for p in our_entries(site.machine) if p.parent.name != "Utility" or p.name not in _names(site)]
    twice = [*others, *(p for p in our_entries(site.machine) if p.parent.parent in site.machine.shared_folders)]
    if twice:
        text = "old entries show up in the menu as well: " + ", ".join(str(p) for p in dict.fromkeys(twice))
        return Check("menu entry", "warning", text, "run: v2m-bridge install resolve, or delete them")
    return Check("menu entry", "ok", str(next(path for path in paths if path.is_file())))


def _names(site: Site) -> set[str]:
    return set(entries(site.home, site.port, site.machine))


def check_stamp(site: Site) -> Check:
    """Whether what is installed leads to this state folder and port; the Studio script's choices do not matter here."""
    folder = site.machine.script_folders[0] / "Utility"
    path = folder / LUA_NAME
    if not path.is_file():
        return Check("stamp", "unused", "no menu entry to look at")
    wanted = entries(site.home, site.port, site.machine)[LUA_NAME]
    if path.read_text(encoding="utf-8", errors="replace") != wanted:
        text = "the menu entry is of another version, or leads to another inbox than this one"
        return Check("stamp", "failed", text, "run: v2m-bridge install resolve")
    port = stamped_port(folder / PYTHON_NAME)
    if port is not None and port != site.port:
        text = f"the Studio entry asks port {port}, the daemon's is {site.port}"
        return Check(
            "stamp", "warning", text, f"run: v2m-bridge install resolve --port {site.port}, or serve with --port {port}"
        )
    return Check("stamp", "ok", f"leads to {site.exchange.inbox}")


def check_reaper(site: Site) -> Check:
    """Scripts, start-up block and OSC device, and what REAPER said of itself when it last started."""
    resource = site.reaper.resource
    if not resource.is_dir():
        text = "REAPER was never started by this user"
        remedy = "if you compose in REAPER, run: v2m-bridge install reaper (--resource FOLDER for a portable one)"
        return Check("REAPER", "unused", text, remedy)
    found = presence(site.home, resource, site.exchange.inbox)
    if not found.scripts:
        text = f"the scripts are not in {resource}"
        return Check("REAPER", "unused", text, "to bring scores into your session, run: v2m-bridge install reaper")
    if not found.current:
        text = f"the scripts in {resource} are of another version, or lead to another state folder than this one"
        return Check("REAPER", "failed", text, "run: v2m-bridge install reaper")
    missing = ["the start-up block"] * (not found.started) + ["the OSC device"] * (not found.device)
    if missing:
        text = f"the scripts are there, {' and '.join(missing)} not"
        return Check("REAPER", "warning", text, "close REAPER and run: v2m-bridge install reaper")
    handshake = read_handshake(site.home / "outbox")
    if handshake is None:
        return Check("REAPER", "ok", f"{resource}; it has not been started since, start it once before the first push")
    return Check("REAPER", "ok", f"{resource}; REAPER {handshake.reaper} runs the scripts")


def check_inbox(site: Site) -> Check:
    """Whether the inbox and the outbox are there and can be written."""
    for folder in (site.exchange.inbox, site.exchange.outbox):
        if not folder.is_dir():
            if not site.linked:
                return Check("inbox", "unused", f"{folder} is made when it is first needed")
            return Check("inbox", "failed", f"{folder} does not exist", _install_again(site))
        if not _writable(folder):
            return Check("inbox", "failed", f"{folder} cannot be written to", "fix its rights, or set V2M_HOME")
    inbox = site.exchange.inbox
    waiting = len([path for path in inbox.iterdir() if path.suffix == ".otio"])
    if site.machine.windows and len(str(inbox)) > LONGEST_INBOX:
        return Check("inbox", "warning", f"{inbox} is a long path for Windows", "set V2M_HOME to a shorter folder")
    edits = "1 edit waits" if waiting == 1 else f"{waiting} edits wait"
    return Check("inbox", "ok", f"{inbox}, {edits}" if waiting else str(inbox))


def check_token(site: Site) -> Check:
    """Whether the token file is there and only its owner can read it."""
    path = site.home / "token"
    if not path.is_file():
        return Check("token", "unused", "is made when the daemon first starts")
    if not path.read_text(encoding="ascii", errors="replace").strip():
        return Check("token", "failed", f"{path} is empty", "delete it and start the daemon: v2m-bridge serve")
    if os.name == "posix" and path.stat().st_mode & 0o077:
        return Check("token", "failed", f"others on this machine can read {path}", f"run: chmod 600 '{path}'")
    return Check("token", "ok", str(path))


def check_daemon(site: Site) -> Check:
    """Whether the daemon answers on its port and accepts this token."""
    import json
    import urllib.error
    import urllib.request

    host = "127.0.0.1" if site.host in ("0.0.0.0", "::") else site.host
    request = urllib.request.Request(f"http://{host}:{site.port}/v1/health")
    token = site.home / "token"
    if token.is_file():
        request.add_header("Authorization", "Bearer " + token.read_text(encoding="ascii", errors="replace").strip())
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=REACH_S) as reply:
            health = json.loads(reply.read(65536))
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return Check("daemon", "failed", "the daemon does not accept the token", "restart it: v2m-bridge serve")
        text = f"port {site.port} answers {error.code}"
        return Check("daemon", "failed", text, "another program may use the port: set V2M_PORT")
    except ValueError:
        text = f"another program answers on port {site.port}"
        return Check("daemon", "failed", text, "set V2M_PORT to a free one, then install again")
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        if not isinstance(reason, ConnectionRefusedError):
            return Check(
                "daemon", "failed", f"{host}:{site.port} does not answer ({reason})", "start it: v2m-bridge serve"
            )
        return _not_running(site, f"{host}:{site.port}")
    if not isinstance(health, dict) or "status" not in health:
        text = f"another program answers on port {site.port}"
        return Check("daemon", "failed", text, "set V2M_PORT to a free one, then install again")
    text = f"v2m-bridge {health.get('version', '')} answers on {host}:{site.port}"
    if health["status"] != "ok":
        return Check("daemon", "warning", text, str(health.get("warning") or "restart it: v2m-bridge serve"))
    return Check("daemon", "ok", text)


def _not_running(site: Site, where: str) -> Check:
    if site.resolve_linked:
        text = f"is not running (nothing listens on {where}): edits sent from Resolve wait"
        return Check("daemon", "failed", text, "start it: v2m-bridge serve")
    text = "is not running; the console, Resolve and OSC need it, the score command does not"
    return Check("daemon", "unused", text, "when you want it: v2m-bridge serve")


def check_ports(site: Site) -> Check:
    """Only says something when the daemon is down: then its ports should be free."""
    if _listens(site.port):
        return Check("ports", "ok", f"{site.port} is in use, as it should be while the daemon runs")
    busy = [number for number, kind in ((site.osc_port, socket.SOCK_DGRAM),) if number and not _free(number, kind)]
    if busy:
        text = f"UDP port {busy[0]} (OSC) is taken by another program"
        return Check("ports", "warning", text, "set V2M_OSC_PORT to a free one, or to 0")
    if not _free(site.port, socket.SOCK_STREAM):
        return Check("ports", "failed", f"port {site.port} is taken by another program", "set V2M_PORT to a free one")
    ports = f"{site.port} and {site.osc_port} are" if site.osc_port else f"{site.port} is"
    return Check("ports", "ok", f"{ports} free")


def check_last_message(site: Site) -> Check:
    """What the menu entry last told its user, if that was recent."""
    notice = last_notice(site.machine)
    if notice is None or time.time() - notice.unix_s > RECENT_S:
        if not site.resolve_linked:
            return Check("last message", "unused", "none: Resolve has no menu entry of ours")
        return Check("last message", "ok", "Resolve's menu script left no message today")
    at = time.strftime("%H:%M", time.localtime(notice.unix_s))
    return Check("last message", "warning", f"Resolve's menu script said at {at}", notice.text)


def check_models(site: Site) -> Check:
    """Chord network and CLIP weights."""
    found = sorted(file.stem for file in shipped_models().glob("*.safetensors"))
    if "chords" not in found:
        return Check("models", "failed", "the chord network is missing from this installation", "install it again")
    clip = Settings().clip_weights
    if clip and not clip.exists():
        return Check("models", "failed", f"V2M_CLIP_WEIGHTS names {clip}, which does not exist", "correct the path")
    from v2m_bridge.footage.clip.encoder import find_weights

    pulled = find_weights(clip)
    eyes = f"CLIP: {pulled}" if pulled else "no CLIP weights here: moods come from markers and --mood"
    return Check("models", "ok", f"{', '.join(found)}; {eyes}")


SHARED_OUT = "it runs CLIP and trains; one score's chords are faster on the CPU (--device changes that)"


def check_gpu(site: Site) -> Check:
    """Whether torch loads and which device it finds."""
    try:
        import torch
    except ImportError as error:
        return Check("gpu", "failed", f"PyTorch cannot be loaded: {error}", "install v2m-bridge again")
    if torch.cuda.is_available():
        return Check("gpu", "ok", f"CUDA: {torch.cuda.get_device_name(0)}; {SHARED_OUT}")
    if torch.backends.mps.is_available():
        return Check("gpu", "ok", f"Apple GPU; {SHARED_OUT}")
    return Check("gpu", "ok", f"none; the CPU does the work ({torch.get_num_threads()} threads)")


CHECKS: tuple[Callable[[Site], Check], ...] = (
    check_python,
    check_state_folder,
    check_menu_entry,
    check_stamp,
    check_reaper,
    check_inbox,
    check_token,
    check_daemon,
    check_ports,
    check_last_message,
    check_models,
    check_gpu,
)


def _writable(folder: Path) -> bool:
    probe = folder / ".v2m-write-test"
    try:
        probe.write_bytes(b"")
        probe.unlink()
    except OSError:
        return False
    return True


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False


def _free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
