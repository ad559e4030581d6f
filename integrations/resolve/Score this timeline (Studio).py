# v2m-bridge menu entry. Score this timeline (Studio): as the Lua entry, with progress in the console.
"""Sends the current timeline to v2m-bridge over HTTP and shows the outcome as a marker.

With "markers" it writes chord and hit markers when the score is done, with "preview" it puts the preview audio on a
track of its own. Python 3.6 or later, standard library only. It never switches the page, never touches in and out
points or render settings, and changes no marker, clip or track that it did not make.

From the Workspace > Scripts menu it does what was chosen at "v2m-bridge install resolve"; from a terminal of the same
machine (Studio): python "Score this timeline (Studio).py" [--markers] [--preview]
"""

import json
import os
import random
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request

STAMP = {"version": "", "inbox": "", "outbox": "", "token_file": "", "port": 8765, "markers": False, "preview": False}

STATUS, CHORD = "v2m:status", "v2m:chord"
TRACK, BIN = "v2m preview", "v2m-bridge"
FIRST_ANSWER_S, PATIENCE_S, POLL_S = 12, 3600, 0.5
LOST_S = 60
DOCUMENT_BYTES = 24 * 1024 * 1024
COLOURS = {"queued": "Yellow", "running": "Yellow", "done": "Green", "failed": "Red", "cancelled": "Sand"}
FINISHED = ("done", "failed", "cancelled")


class Stop(Exception):
    """The script cannot go on: a title and a remedy, in words for the user."""

    def __init__(self, title, text):
        Exception.__init__(self, title)
        self.title = "v2m: " + title
        self.text = text


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
    """In and out point counted from the start of the timeline, or None each."""
    found = ask(timeline, "GetMarkInOut")
    video = (found.get("video") or found.get("audio") or {}) if isinstance(found, dict) else {}
    points = [video.get(key) for key in ("in", "out")]
    return [int(point) if point is not None else None for point in points]


def unmark(timeline, data=STATUS):
    """Remove our markers of one kind."""
    for frame, marker in sorted((ask(timeline, "GetMarkers") or {}).items()):
        if str(marker.get("customData", "")).startswith(data):
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
    """Write the edit as OpenTimelineIO, with the facts that belong beside it in its metadata."""
    kind = getattr(resolve, "EXPORT_OTIO", None)
    if kind is None or callable(kind):
        raise Stop("Resolve is too old", "Exporting OpenTimelineIO needs DaVinci Resolve 18.5 or later.")
    unmark(timeline)  # otherwise our own marker would be exported with the edit
    if not ask(timeline, "Export", path, kind, resolve.EXPORT_NONE) or not os.path.isfile(path):
        raise Stop(
            "export refused",
            "Resolve did not export the timeline. Close any open dialog and try again, "
            "or use File > Export > Timeline (OTIO) into " + STAMP["inbox"],
        )
    with open(path, "rb") as file:
        document = json.loads(file.read().decode("utf-8"))
    document["metadata"] = dict(document.get("metadata") or {}, v2m_bridge=beside)
    with open(path, "wb") as file:
        file.write(json.dumps(document).encode("utf-8"))


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


class Daemon(object):
    """A score that is asked for over HTTP."""

    def __init__(self, path, options):
        body = {"options": options}
        if os.path.getsize(path) <= DOCUMENT_BYTES:
            with open(path, "rb") as file:
                body["timeline"] = json.loads(file.read().decode("utf-8"))
        else:
            body["timeline_path"] = path
        self.job = json.loads(http("POST", "/scores", body).decode("utf-8"))["id"]
        self.lost_at = None

    def answer(self):
        """State, title and text now, or None while the daemon restarts."""
        try:
            status = json.loads(http("GET", "/scores/" + self.job).decode("utf-8"))
        except Offline:
            self.lost_at = self.lost_at or time.time()
            if time.time() - self.lost_at > LOST_S:
                raise Stop("connection lost", "v2m-bridge stopped answering. Start it (v2m-bridge serve) and try again.")
            return None
        self.lost_at = None
        return worded(status)


def worded(status):
    """The daemon's status in words for the user."""
    state, summary, error = status.get("state"), status.get("summary") or {}, status.get("error") or {}
    answer = {"state": state, "stage": status.get("stage") or "", "progress": status.get("progress") or 0.0}
    if state == "done":
        answer["title"] = "v2m: " + ", ".join(filter(None, [summary.get("key") or "scored", tempo_text(summary)]))
        answer["text"] = "The score is ready."
        if isinstance(summary.get("hits"), int) and isinstance(summary.get("landed"), int):
            answer["text"] = "The score is ready: %(landed)d of %(hits)d hits are on the beat." % summary
    elif state == "failed":
        hint = error.get("hint")
        answer["title"] = "v2m: not scored"
        answer["text"] = (error.get("message") or "Something went wrong.") + (" (%s)" % hint if hint else "")
    else:
        answer["title"] = {"queued": "v2m: queued", "cancelled": "v2m: cancelled"}.get(state, "v2m: scoring")
        answer["text"] = "v2m-bridge is at work on this timeline."
    return answer


def tempo_text(summary):
    low, high = summary.get("min_bpm"), summary.get("max_bpm")
    if not isinstance(low, (int, float)) or not isinstance(high, (int, float)):
        return ""
    return "%.0f BPM" % low if round(low) == round(high) else "%.0f-%.0f BPM" % (low, high)


class Inbox(object):
    """A score that is asked for through the inbox, where the edit waits until a daemon runs."""

    def __init__(self, path, options):
        if not os.path.isdir(STAMP["inbox"]):
            raise Stop("inbox missing", "The folder " + STAMP["inbox"] + " is gone. Run: v2m-bridge install resolve")
        self.request = "%x%08x" % (int(time.time()), random.getrandbits(32))
        self.job = None
        target = os.path.join(STAMP["inbox"], "studio" + self.request)
        try:
            with open(target + ".json", "w") as file:
                json.dump({"options": options, "request": self.request}, file)
            shutil.copyfile(path, target + ".part")
            os.rename(target + ".part", target + ".otio")
        except (IOError, OSError) as error:
            raise Stop("inbox not writable", "%s: %s. Run: v2m-bridge doctor" % (STAMP["inbox"], error))

    def answer(self):
        """The daemon's answer file, or None while there is none."""
        try:
            with open(os.path.join(STAMP["outbox"], self.request + ".json"), "r") as file:
                answer = json.load(file)
        except (IOError, OSError, ValueError):
            return None
        self.job = answer.get("job") or self.job
        return answer


def hand_over(path, options):
    """Give the edit to the daemon, by HTTP, or through the inbox where it does not answer."""
    try:
        return Daemon(path, options)
    except Offline:
        say("v2m-bridge does not answer on port %d, trying its inbox" % STAMP["port"])
        return Inbox(path, options)


def wait(order, timeline, frame):
    """Show every change of state until the score is done; returns the last answer."""
    started, shown, printed, refused = time.time(), None, None, 0
    while time.time() - started < PATIENCE_S:
        answer = order.answer()
        if answer and answer.get("state") != shown:
            colour = COLOURS.get(answer.get("state"), "Yellow")
            if mark(timeline, frame, colour, answer.get("title", "v2m"), answer.get("text", "")):
                shown, refused = answer.get("state"), 0
            else:  # Resolve refuses everything while a dialog is open or the project is closed
                refused += 1
                if refused * POLL_S > 120:
                    raise Stop(answer.get("title", "v2m: ")[5:], answer.get("text", ""))
        if answer and shown in FINISHED:
            return answer
        if answer and answer.get("stage"):
            line = "%s %d %%" % (answer["stage"], 10 * int(10 * answer.get("progress", 0)))
            if line != printed:
                say(line)
                printed = line
        if not answer and shown is None and time.time() - started >= FIRST_ANSWER_S:
            shown = "unanswered"
            mark(
                timeline,
                frame,
                "Red",
                "v2m: no answer yet",
                "v2m-bridge is not running. Start it (v2m-bridge serve): the timeline waits in its inbox and will be scored.",
            )
        time.sleep(POLL_S)
    raise Stop("still working", "The score is not ready yet. v2m-bridge shows its progress.")


# --- bringing the score back ---------------------------------------------------------------------------------------


def events(score, start_frame):
    """Frame counted from the timeline's start -> (chord, how a hit lands); either may be empty."""
    numerator, _, denominator = score["timeline"]["rate"].partition("/")
    rate = float(numerator) / float(denominator or 1)
    offset = int(score["timeline"]["start_frame"]) - start_frame
    found = {}
    for chord in score["chords"]:
        found[offset + int(round(chord["start_s"] * rate))] = (chord["symbol"], "")
    for hit in score["fit"]["hits"]:
        if hit["lands"] != "miss":
            frame = offset + int(hit["frame"])
            found[frame] = (found.get(frame, ("", ""))[0], hit["lands"])
    return found


def write_markers(timeline, score):
    """Chord and hit markers in the place of those of an earlier score; returns a sentence on how it went."""
    unmark(timeline)
    unmark(timeline, CHORD)
    wanted = events(score, int(ask(timeline, "GetStartFrame") or 0))
    for frame, (chord, lands) in sorted(wanted.items()):
        hit = "hit (%s)" % lands if lands else ""
        title = "v2m: " + ", ".join(part for part in (chord, hit) if part)
        colour = "Lavender" if chord else "Mint"
        ask(timeline, "AddMarker", frame, colour, title, "Written by v2m-bridge", 1, CHORD)
    there = ask(timeline, "GetMarkers") or {}
    ours = set(int(round(frame)) for frame, marker in there.items() if marker.get("customData") == CHORD)
    missing = len(set(wanted) - ours)
    text = "%d chord and hit markers written" % len(ours)
    return text + ("; %d left out where your own markers are" % missing if missing else "")


def bin_folder(pool):
    """Our bin, made when missing (asking twice would make two of the same name)."""
    root = ask(pool, "GetRootFolder")
    for folder in ask(root, "GetSubFolderList") or []:
        if ask(folder, "GetName") == BIN:
            return folder
    return ask(pool, "AddSubFolder", root, BIN)


def import_sound(pool, path):
    """The media pool item of a sound, in our bin; the user's current bin stays current."""
    before = ask(pool, "GetCurrentFolder")
    try:
        folder = bin_folder(pool)
        if folder:
            ask(pool, "SetCurrentFolder", folder)
        items = ask(pool, "ImportMedia", [path]) or []
    finally:
        if before:
            ask(pool, "SetCurrentFolder", before)
    if not items:
        raise Stop("preview not imported", "Resolve did not import " + path + ". Drag it into the media pool yourself.")
    return items[0]


def free_track(timeline):
    """Number of an empty audio track of ours: the one of an earlier preview, cleared, or a new one."""
    count = int(ask(timeline, "GetTrackCount", "audio") or 0)
    for index in range(1, count + 1):
        if ask(timeline, "GetTrackName", "audio", index) != TRACK:
            continue
        for _ in range(2):  # deleting sometimes refuses once for no reason
            items = ask(timeline, "GetItemListInTrack", "audio", index)
            if items:
                ask(timeline, "DeleteClips", items)
        if not ask(timeline, "GetItemListInTrack", "audio", index):
            return index
    ask(timeline, "AddTrack", "audio", "stereo")
    added = int(ask(timeline, "GetTrackCount", "audio") or 0)
    if added != count + 1:
        raise Stop("no track for the preview", "Resolve did not add an audio track. Close any open dialog and try again.")
    ask(timeline, "SetTrackName", "audio", added, TRACK)
    return added


def place_preview(project, timeline, path, start_frame):
    """Put the sound on our track at an absolute frame and make sure that it is there."""
    pool = ask(project, "GetMediaPool")
    item = import_sound(pool, path)
    track = free_track(timeline)
    clip = {"mediaPoolItem": item, "mediaType": 2, "trackIndex": track, "recordFrame": start_frame}
    frames = ask(item, "GetClipProperty", "Frames")
    if str(frames or "").isdigit() and int(frames) > 0:
        clip["startFrame"], clip["endFrame"] = 0, int(frames)  # the end is not part of the clip
    ask(pool, "AppendToTimeline", [clip])
    for placed in ask(timeline, "GetItemListInTrack", "audio", track) or []:
        if ask(placed, "GetStart") == start_frame and (ask(placed, "GetDuration") or 0) > 0:
            return "preview on audio track %d" % track
    raise Stop("preview not placed", "Resolve did not place the preview. Drag it from the bin " + BIN + " yourself.")


def fetch(job, name):
    """An artifact of the score, as bytes."""
    try:
        return http("GET", "/scores/%s/artifacts/%s" % (job, name))
    except Offline:
        raise Stop("connection lost", "v2m-bridge stopped answering before %s was fetched." % name)


def bring_back(project, timeline, job, wants):
    """Markers and preview, as asked for; returns sentences on how it went."""
    done = []
    score = json.loads(fetch(job, "score.json").decode("utf-8"))
    if wants["markers"]:
        done.append(write_markers(timeline, score))
    if wants["preview"]:
        folder = os.path.join(os.path.dirname(STAMP["token_file"]), "previews")
        if not os.path.isdir(folder):
            os.makedirs(folder)
        path = os.path.join(folder, "preview-%s.wav" % job)
        with open(path, "wb") as file:
            file.write(fetch(job, "preview.wav"))
        done.append(place_preview(project, timeline, path, int(score["timeline"]["start_frame"])))
    return done


# --- the whole way -------------------------------------------------------------------------------------------------


def options(first, last, wants):
    """What the daemon is asked for; marks become a half-open range of frames."""
    found = {"preview": True} if wants["preview"] else {}
    if first:
        found["first_frame"] = first
    if last is not None and last >= (first or 0):
        found["end_frame"] = last + 1
    return found


def score(resolve, project, timeline, frame, first, last, wants):
    """Export, hand over, wait, bring back."""
    if not has_clips(timeline):
        raise Stop("nothing to score", "This timeline has no video clips. Add some, then try again.")
    if not STAMP["inbox"]:
        raise Stop("not set up", "Run: v2m-bridge install resolve")
    folder = tempfile.mkdtemp(prefix="v2m-")
    try:
        path = os.path.join(folder, "timeline.otio")
        export(resolve, timeline, path, facts(timeline, project, first, last))
        order = hand_over(path, options(first, last, wants))
        mark(timeline, frame, "Yellow", "v2m: sent", "Waiting for v2m-bridge.")
        answer = wait(order, timeline, frame)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if answer["state"] == "done" and (wants["markers"] or wants["preview"]) and order.job:
        done = bring_back(project, timeline, order.job, wants)
        mark(timeline, frame, "Green", answer["title"], " ".join([answer["text"]] + [d + "." for d in done]))


def main(arguments):
    """Never raises: every error becomes a marker, or at least a line in the console."""
    wants = {name: bool(STAMP[name]) or "--" + name in arguments for name in ("markers", "preview")}
    timeline, frame = None, 0
    try:
        resolve = find_resolve()
        project, timeline = current(resolve)
        first, last = marks(timeline)
        frame = first or 0
        score(resolve, project, timeline, frame, first, last, wants)
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
