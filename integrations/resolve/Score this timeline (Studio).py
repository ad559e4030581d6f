# v2m-bridge menu entry. Score this timeline (Studio): as the Lua entry, with progress in the console.
"""Sends the current timeline to v2m-bridge over HTTP and shows the outcome as a marker.

With "markers" it writes chord and hit markers when the score is done, with "preview" it puts the preview audio on a
track of its own. Python 3.6 or later, standard library only. It never switches the page or the timeline, never touches
in and out points or render settings, and deletes nothing but its own markers and its own preview sounds.

From the Workspace > Scripts menu it does what was chosen at "v2m-bridge install resolve"; from a terminal of the same
machine (Studio): python "Score this timeline (Studio).py" [--markers] [--preview]
"""

import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request

STAMP = {"version": "", "inbox": "", "outbox": "", "previews": "", "token_file": "", "port": 8765, "markers": False, "preview": False}

STATUS, CHORD = "v2m:status", "v2m:chord"
TRACK, BIN = "v2m preview", "v2m-bridge"
FIRST_ANSWER_S, PATIENCE_S, POLL_S = 12, 3600, 0.5
LOST_S, REFUSED_S, RETURN_S = 60, 120, 60
EXPORTS = (("EXPORT_OTIO", ".otio"), ("EXPORT_FCP_7_XML", ".xml"))
PREVIEW_NAME = re.compile(r"preview-[0-9a-f]+\.wav$")
MOODS = ("as the picture asks", "exciting", "fearful", "tense", "sad", "relaxing", "neutral")
DOCUMENT_BYTES = 24 * 1024 * 1024
COLOURS = {"queued": "Yellow", "running": "Yellow", "done": "Green", "failed": "Red", "cancelled": "Sand"}
FINISHED = ("done", "failed", "cancelled")


class Stop(Exception):
    """The script cannot go on: a title and a remedy, in words for the user."""

    def __init__(self, title, text):
        Exception.__init__(self, title)
        self.title = "v2m: " + title
        self.text = text


class Cancelled(Exception):
    """The editor does not want the score any more."""


class Offline(Exception):
    """The daemon does not answer on its port."""


def ask(target, name, *arguments):
    """The result of target.name(...), or None when there is no such object or method, or it refused."""
    method = getattr(target, name, None) if target else None
    if not callable(method):
        return None
    try:
        result = method(*arguments)
    except Exception:
        return None
    return None if result is False else result


def say(text):
    """One line in the console."""
    print("v2m-bridge: " + text)
    try:
        sys.stdout.flush()
    except Exception:
        pass  # the console of some versions has no flush


# --- Resolve -------------------------------------------------------------------------------------------------------


def find_resolve():
    """The application: given by the menu, or asked for from outside."""
    given = globals().get("resolve") or ask(globals().get("app") or globals().get("fusion"), "GetResolve")
    if given:
        return given
    try:
        import DaVinciResolveScript
    except ImportError:
        return None
    return ask(DaVinciResolveScript, "scriptapp", "Resolve")


def current(resolve):
    """The open project and timeline."""
    project = ask(ask(resolve, "GetProjectManager"), "GetCurrentProject")
    if not project:
        raise Stop(
            "no project",
            "No project is open, or a dialog of Resolve waits for an answer. Open a project with a timeline and retry.",
        )
    timeline = ask(project, "GetCurrentTimeline")
    if not timeline:
        raise Stop("no timeline", "No timeline is open. Open the timeline you want scored, then try again.")
    return project, timeline


def has_clips(timeline):
    """Whether any video track has an item; a refusal is not an empty track."""
    tracks = ask(timeline, "GetTrackCount", "video")
    if tracks is None:
        return True
    lists = [ask(timeline, "GetItemListInTrack", "video", index + 1) for index in range(int(tracks))]
    return any(items is None or len(items) > 0 for items in lists)


def marks(timeline):
    """In and out point counted from the start of the timeline, or None each.

    Picture and sound may have points of their own: the picture's count, then the sound's, unless the two together are
    no range.
    """
    found = ask(timeline, "GetMarkInOut")
    video, audio = [(found.get(side) or {}) if isinstance(found, dict) else {} for side in ("video", "audio")]
    points = [video.get(key, audio.get(key)) for key in ("in", "out")]
    if None not in points and points[1] < points[0]:
        points = [video.get(key) for key in ("in", "out")]
    return [int(point) if point is not None else None for point in points]


def unmark(timeline, data=STATUS):
    """Remove our markers of one kind."""
    for frame, marker in sorted((ask(timeline, "GetMarkers") or {}).items()):
        if marker.get("customData") == data:
            ask(timeline, "DeleteMarkerAtFrame", frame)


def mark(timeline, frame, colour, title, text):
    """Show text as our one marker at frame, or at the next free one."""
    say(title.replace("v2m: ", "", 1) + ". " + text)
    unmark(timeline)
    for offset in range(100):
        if ask(timeline, "AddMarker", frame + offset, colour, title, text, 1, STATUS):
            return True
    return False


def notice(text):
    """Write a message into the preferences file, which "v2m-bridge doctor" reads, when no marker can be set."""
    host = globals().get("fusion") or globals().get("fu") or globals().get("app")
    plain = "".join(c if " " <= c <= "~" else "?" for c in text).replace("\\", "'").replace('"', "'")
    ask(host, "SetPrefs", "Global.V2MBridge.Notice", "%d %s" % (time.time(), plain))
    ask(host, "SavePrefs")


def setting(timeline, project, key):
    """A setting of the timeline, else of the project, as text; releases differ in how it is asked for."""
    for target in (timeline, project):
        value = ask(target, "GetSetting", key) or (ask(target, "GetSettings") or {}).get(key)
        if value not in (None, ""):
            return str(value)
    return ""


def facts(timeline, project, first, last):
    """What the exported file does not hold."""
    rate = setting(timeline, project, "timelineFrameRate")
    drop = rate.upper().endswith("DF") and not rate.upper().endswith("NDF")
    drop = drop or ";" in (ask(timeline, "GetStartTimecode") or "")
    return {
        "project": ask(project, "GetName") or "",
        "timeline": ask(timeline, "GetName") or "",
        "timeline_id": ask(timeline, "GetUniqueId") or "",
        "rate": rate,
        "drop_frame": drop or setting(timeline, project, "timelineDropFrameTimecode") == "1",
        "mark_in": first,
        "mark_out": last,
    }


def export(resolve, timeline, path, beside):
    """Write the edit and return its path with a suffix.

    OpenTimelineIO gets the facts that belong beside it into its metadata; before Resolve 18.5 there is only Final Cut
    Pro 7 XML.
    """
    kinds = [(getattr(resolve, name, None), suffix) for name, suffix in EXPORTS]
    kind, suffix = next(((k, s) for k, s in kinds if k is not None and not callable(k)), (None, ""))
    if kind is None:
        text = "It exports neither OpenTimelineIO (18.5 and later) nor Final Cut Pro 7 XML."
        raise Stop("Resolve is too old", text)
    path += suffix
    unmark(timeline)  # otherwise our own marker would be exported with the edit
    if not ask(timeline, "Export", path, kind, resolve.EXPORT_NONE) or not os.path.isfile(path):
        raise Stop(
            "export refused",
            "Resolve did not export the timeline. Close any open dialog and try again, "
            "or use File > Export > Timeline (OTIO) into " + STAMP["inbox"],
        )
    if suffix == ".otio":
        with open(path, "rb") as file:
            document = json.loads(file.read().decode("utf-8"))
        document["metadata"] = dict(document.get("metadata") or {}, v2m_bridge=beside)
        with open(path, "wb") as file:
            file.write(json.dumps(document).encode("utf-8"))
    return path


# --- the daemon ----------------------------------------------------------------------------------------------------


def token():
    """The daemon's token. If there is none, the daemon never ran."""
    try:
        with open(STAMP["token_file"], "r") as file:
            return file.read().strip()
    except (IOError, OSError):
        raise Offline()


def http(method, path, body=None):
    """One request to the daemon on this machine; returns bytes.

    Raises Offline when the daemon does not answer and Stop when it refuses.
    """
    data = None if body is None else json.dumps(body).encode("utf-8")
    request = urllib.request.Request("http://127.0.0.1:%d/v1%s" % (STAMP["port"], path), data, method=method)
    request.add_header("Authorization", "Bearer " + token())
    if data is not None:
        request.add_header("Content-Type", "application/json")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy: the daemon is on this computer
    try:
        with opener.open(request, timeout=30) as reply:
            return reply.read()
    except urllib.error.HTTPError as error:
        raise refusal(error)
    except (urllib.error.URLError, OSError):
        raise Offline()


def refusal(error):
    """The daemon's error in its own words."""
    if error.code in (401, 403):
        return Stop("not allowed", "The daemon does not accept the token. Run: v2m-bridge doctor")
    try:
        found = json.loads(error.read().decode("utf-8"))["error"]
        text = found["message"] + ("" if not found.get("hint") else " (" + found["hint"] + ")")
    except (ValueError, KeyError, TypeError):
        text = "The daemon answered %d. Run: v2m-bridge doctor" % error.code
    return Stop("not scored", text[:1].upper() + text[1:])


def call(method, path, body=None):
    """As http, with the JSON of the answer."""
    return json.loads(http(method, path, body).decode("utf-8"))


class Daemon(object):
    """A score that is asked for over HTTP."""

    def __init__(self, path, options, name):
        body = {"options": options}
        if name:
            body["name"] = name[:200]
        with open(path, "rb") as file:
            body["timeline"] = json.loads(file.read().decode("utf-8"))
        self.job = call("POST", "/scores", body)["id"]
        self.lost_at = None

    def answer(self):
        """What is said of the score now, or None while the daemon restarts."""
        try:
            answer = call("GET", "/scores/%s/answer" % self.job)
        except Offline:
            self.lost_at = self.lost_at or time.time()
            if time.time() - self.lost_at > LOST_S:
                raise Stop("connection lost", "v2m-bridge stopped answering. Start it (v2m-bridge serve) and try again.")
            return None
        self.lost_at = None
        return answer

    def cancel(self):
        """Give the score up."""
        try:
            http("DELETE", "/scores/" + self.job)
        except Offline:
            say("v2m-bridge does not answer, so it was not told")


class Inbox(object):
    """A score that is asked for through the inbox, where the edit waits until a daemon runs."""

    def __init__(self, path, options, name, drop_frame):
        if not os.path.isdir(STAMP["inbox"]):
            raise Stop("inbox missing", "The folder " + STAMP["inbox"] + " is gone. Run: v2m-bridge install resolve")
        self.request = "%x%08x" % (int(time.time()), random.getrandbits(32))
        title = "".join(c if c.isalnum() and ord(c) < 128 else "-20" for c in name[:40])
        named = "v2m1_%s_d%d_n%s" % (self.request, drop_frame, title)
        target = os.path.join(STAMP["inbox"], named if name else "studio" + self.request)
        try:
            with open(target + ".json", "w") as file:
                json.dump({"options": options, "request": self.request}, file)
            shutil.copyfile(path, target + ".part")
            os.rename(target + ".part", target + os.path.splitext(path)[1])
        except (IOError, OSError) as error:
            raise Stop("inbox not writable", "%s: %s. Run: v2m-bridge doctor" % (STAMP["inbox"], error))

    def answer(self):
        """The daemon's answer file, or None while there is none."""
        try:
            with open(os.path.join(STAMP["outbox"], self.request + ".json"), "r") as file:
                return json.load(file)
        except (IOError, OSError, ValueError):
            return None

    def cancel(self):
        """Give the score up: a file of this name is a cancellation."""
        with open(os.path.join(STAMP["inbox"], "v2m1_%s_x1.otio" % self.request), "w"):
            pass


def hand_over(path, options, name, drop_frame):
    """Give the edit to the daemon by HTTP; through the inbox where it does not answer, or for what HTTP does not take."""
    try:
        if path.endswith(".otio") and os.path.getsize(path) <= DOCUMENT_BYTES:
            return Daemon(path, options, name)
    except Offline:
        say("v2m-bridge does not answer on port %d, trying its inbox" % STAMP["port"])
    return Inbox(path, options, name, drop_frame)


class Press(object):
    """One press of the entry: what it works on, and what it shows there."""

    def __init__(self, resolve, project, timeline, frame, wants):
        self.resolve, self.project, self.timeline, self.frame, self.wants = resolve, project, timeline, frame, wants
        self.marked = False

    def show(self, colour, title, text):
        """Set our one marker; returns whether it is there."""
        self.marked = mark(self.timeline, self.frame, colour, title, text)
        return self.marked

    def is_talking(self):
        """Whether Resolve answers at all; it refuses everything while a dialog is open or the project is closed."""
        return ask(self.timeline, "GetName") is not None

    def marker_is_gone(self):
        """Whether the editor deleted our marker, which is how he cancels."""
        if not self.marked or not self.is_talking():
            return False
        there = (ask(self.timeline, "GetMarkers") or {}).values()
        return all(marker.get("customData") != STATUS for marker in there) and self.is_talking()

    def follow(self, order):
        """Show every change until the score is done, then bring it back."""
        started, state, shown, printed, refused, gone, brought = time.time(), None, None, None, 0, 0, None
        while time.time() - started < PATIENCE_S:
            answer = order.answer()
            gone = gone + 1 if self.marker_is_gone() else 0
            if gone >= 2 and not (answer and answer.get("state") in FINISHED):
                order.cancel()
                raise Cancelled()
            if answer and (answer.get("state"), answer.get("title")) != (state, shown):
                if answer["state"] == "done" and brought is None and self.is_talking():
                    brought = self.bring_back(answer)
                title, text = answer.get("title", "v2m"), brought or answer.get("text", "")
                if self.show(COLOURS.get(answer["state"], "Yellow"), title, text):
                    state, shown, refused = answer["state"], title, 0
                else:
                    refused += 1
                    if refused * POLL_S > REFUSED_S:
                        raise Stop(title[5:], text)
            if state in FINISHED:
                return
            if answer and answer.get("stage"):
                line = "%s %d %%" % (answer["stage"], round(100 * (answer.get("progress") or 0)))
                if line != printed:
                    say(line)
                    printed = line
            if not answer and state is None and time.time() - started >= FIRST_ANSWER_S:
                state = "unanswered"
                self.show(
                    "Red",
                    "v2m: no answer yet",
                    "v2m-bridge is not running. Start it (v2m-bridge serve): the timeline waits in its inbox and will be "
                    "scored.",
                )
            time.sleep(POLL_S)
        raise Stop("still working", "The score is not ready yet. v2m-bridge shows its progress.")

    def bring_back(self, answer):
        """Bring markers and preview back, as asked for; returns sentences on how it went."""
        told = [answer.get("text", "")]
        if self.wants["markers"] and answer.get("markers"):
            told.append(write_markers(self.timeline, answer["markers"]))
        if self.wants["preview"]:
            self.show("Yellow", "v2m: bringing the preview", "The score is ready.")
            try:
                told.append(Preview(self.project, self.timeline).place(answer))
            except Stop as stop:
                told.append("The preview was not placed: " + stop.text)
            except Exception as error:
                told.append("The preview was not placed: %s: %s." % (type(error).__name__, error))
        return " ".join(told)


# --- bringing the score back ---------------------------------------------------------------------------------------


def write_markers(timeline, lines):
    """Write chord and hit markers in the place of those of an earlier score; returns a sentence on how it went."""
    unmark(timeline)
    unmark(timeline, CHORD)
    start, wanted = int(ask(timeline, "GetStartFrame") or 0), 0
    for line in lines.splitlines():
        frame, colour, title = line.split(" ", 2)
        wanted += 1
        ask(timeline, "AddMarker", int(frame) - start, colour, title, "Written by v2m-bridge", 1, CHORD)
    there = (ask(timeline, "GetMarkers") or {}).values()
    written = sum(marker.get("customData") == CHORD for marker in there)
    text = "%d chord and hit markers written" % written
    left_out = "; %d left out where your own markers are" % (wanted - written) if written < wanted else ""
    return text + left_out + "."


# --> preview.py


# --- the whole way -------------------------------------------------------------------------------------------------


def choices(resolve):
    """Mood, tempo and cue number of this press: asked for on the Fusion page, else those used last.

    Raises Cancelled when the dialog was closed.
    """
    host = globals().get("fusion") or globals().get("fu") or ask(resolve, "Fusion")
    chosen = {key: str(ask(host, "GetPrefs", "Global.V2MBridge." + key) or "") for key in ("Mood", "Tempo", "Cue")}
    studio = "Studio" in str(ask(resolve, "GetProductName") or "")
    comp = ask(host, "GetCurrentComp") if studio and ask(resolve, "GetCurrentPage") == "fusion" else None
    if not comp:
        return chosen
    default = MOODS.index(chosen["Mood"]) if chosen["Mood"] in MOODS else 0
    rows = [
        {1: "Mood", 2: "Dropdown", "Name": "Mood", "Options": dict(enumerate(MOODS, 1)), "Default": default},
        {1: "Tempo", 2: "Text", "Name": "Tempo in BPM, or empty", "Lines": 1, "Default": chosen["Tempo"]},
        {1: "Cue", 2: "Text", "Name": "Cue number", "Lines": 1, "Default": chosen["Cue"]},
    ]
    given = ask(comp, "AskUser", "Score this timeline", dict(enumerate(rows, 1)))
    if not isinstance(given, dict):
        raise Cancelled()
    mood = int(given.get("Mood") or 0)
    chosen = {key: str(given.get(key) or "") for key in ("Tempo", "Cue")}
    chosen["Mood"] = MOODS[mood] if mood else ""
    for key, value in chosen.items():
        ask(host, "SetPrefs", "Global.V2MBridge." + key, value)
    ask(host, "SavePrefs")
    return chosen


def options(first, last, wants, chosen):
    """What the daemon is asked for; marks become a half-open range of frames."""
    found = {"preview": True} if wants["preview"] else {}
    if first:
        found["first_frame"] = first
    if last is not None and last >= (first or 0):
        found["end_frame"] = last + 1
    if chosen["Mood"]:
        found["mood"] = chosen["Mood"]
    if chosen["Tempo"]:
        number = chosen["Tempo"].replace(".", "", 1).isdigit()
        found["tempo"] = float(chosen["Tempo"]) if number else chosen["Tempo"]
    return found


def score(press, first, last):
    """Export, hand over, wait, bring back."""
    resolve, project, timeline = press.resolve, press.project, press.timeline
    if not has_clips(timeline):
        raise Stop("nothing to score", "This timeline has no video clips. Add some, then try again.")
    if not STAMP["inbox"]:
        raise Stop("not set up", "Run: v2m-bridge install resolve")
    chosen = choices(resolve)
    name = " ".join(part for part in (chosen["Cue"], ask(timeline, "GetName") or "") if part) if chosen["Cue"] else ""
    folder = tempfile.mkdtemp(prefix="v2m-")
    try:
        beside = facts(timeline, project, first, last)
        path = export(resolve, timeline, os.path.join(folder, "timeline"), beside)
        order = hand_over(path, options(first, last, press.wants, chosen), name, beside["drop_frame"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    press.show("Yellow", "v2m: sent", "Waiting for v2m-bridge. Delete this marker to cancel.")
    press.follow(order)


def main(arguments):
    """Never raises: every error becomes a marker, or at least a line in the console."""
    wants = {name: bool(STAMP[name]) or "--" + name in arguments for name in ("markers", "preview")}
    timeline, frame = None, 0
    try:
        resolve = find_resolve()
        project, timeline = current(resolve)
        first, last = marks(timeline)
        frame = first or 0
        score(Press(resolve, project, timeline, frame, wants), first, last)
    except Cancelled:
        text = "You deleted the marker or closed the dialog. Score the timeline again any time."
        mark(timeline, frame, "Sand", "v2m: cancelled", text)
    except Stop as stop:
        if not timeline or not mark(timeline, frame, "Red", stop.title, stop.text):
            say(stop.text)
            notice(stop.text)
    except Exception as error:
        text = "%s: %s" % (type(error).__name__, error)
        if not timeline or not mark(timeline, frame, "Red", "v2m: something went wrong", text):
            say("something went wrong: " + text)
            notice(text)


if __name__ == "__main__":
    main(getattr(sys, "argv", [""])[1:])
