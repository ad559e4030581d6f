# Part of "Score this timeline (Studio).py": "v2m-bridge install resolve" puts it in the place of the line that names it.
# Where the preview goes, and how earlier ones are silenced. Nothing that is not ours is deleted, moved or switched off.


class AudioTrack(object):
    """An audio track: number, name, whether on and locked, our previews, and how many items are not ours."""

    def __init__(self, timeline, index, is_ours):
        items = ask(timeline, "GetItemListInTrack", "audio", index)
        self.index, self.name = index, ask(timeline, "GetTrackName", "audio", index)
        self.locked = ask(timeline, "GetIsTrackLocked", "audio", index) is True
        self.on = ask(timeline, "GetIsTrackEnabled", "audio", index) is True
        self.ours = [item for item in items or [] if is_ours(ask(item, "GetMediaPoolItem"))]
        # A refusal is not an empty track: then it counts as the editor's.
        self.foreign = float("inf") if items is None else len(items) - len(self.ours)

    def where(self):
        """How a message names it."""
        return "audio track %d%s" % (self.index, " (locked)" if self.locked else "")


class Preview(object):
    """Puts the preview on a track of ours; nothing that is not ours is deleted, moved or switched off.

    Ours is what plays a sound of the folder of previews, or a preview of our bin. The new sound is placed and found in
    its place before the earlier ones are silenced.
    """

    def __init__(self, project, timeline):
        self.project, self.timeline = project, timeline
        self.pool = ask(project, "GetMediaPool")
        self.bin = next(
            (f for f in ask(ask(self.pool, "GetRootFolder"), "GetSubFolderList") or [] if ask(f, "GetName") == BIN), None
        )

    def is_ours(self, clip):
        """Whether a media pool item is a preview of ours."""
        path = str(ask(clip, "GetClipProperty", "File Path") or "").replace("\\", "/").lower()
        folder, _, name = path.rpartition("/")
        if not PREVIEW_NAME.match(name):
            return False
        return folder + "/" == STAMP["previews"].replace("\\", "/").lower() or clip in (ask(self.bin, "GetClipList") or [])

    def tracks(self):
        """The audio tracks as they are now."""
        count = int(ask(self.timeline, "GetTrackCount", "audio") or 0)
        return [AudioTrack(self.timeline, index + 1, self.is_ours) for index in range(count)]

    def is_open(self):
        """Whether the scored timeline is the one that is open: clips always go to the open one."""
        there, own = ask(self.project, "GetCurrentTimeline"), ask(self.timeline, "GetUniqueId")
        return bool(there) and (there == self.timeline if own is None else ask(there, "GetUniqueId") == own)

    def place(self, answer):
        """Place the sound of an answer; returns sentences on how it went."""
        path, frame = answer.get("preview"), answer.get("preview_frame")
        if not path:
            raise Stop("", "this score has none.")
        waited = 0
        while not self.is_open():
            if waited >= RETURN_S:
                raise Stop(
                    "",
                    "another timeline is open, or a dialog. Open this one and score it again, or drag in %s." % path,
                )
            time.sleep(POLL_S)
            waited += POLL_S
        clip = self.sound(path)
        track = self.free_track()
        wanted = {"mediaPoolItem": clip, "mediaType": 2, "trackIndex": track, "recordFrame": frame}
        frames = str(ask(clip, "GetClipProperty", "Frames") or "")
        if frames.isdigit() and int(frames) > 0:
            wanted["startFrame"], wanted["endFrame"] = 0, int(frames)  # the end is not part of the clip
        if self.is_open():
            ask(self.pool, "AppendToTimeline", [wanted])
        placed = self.placed(track, clip, frame)
        if placed is None:
            stray = self.take_back(clip)
            raise Stop("", "Resolve did not take it. Drag it from the bin %s yourself.%s" % (BIN, stray))
        sounding, _, heard = self.silence_all(ask(placed, "GetUniqueId"))
        self.tidy_bin(clip)
        text = "Preview on audio track %d." % track
        if not heard:
            text += " It is switched off there."
        if sounding:
            text += " An older preview still sounds on %s." % ", ".join(sounding)
        return text

    def sound(self, path):
        """The sound in our bin, imported where it is not there yet; the editor's bin stays the current one."""
        for clip in ask(self.bin, "GetClipList") or []:
            if ask(clip, "GetClipProperty", "File Path") == path:
                return clip
        before = ask(self.pool, "GetCurrentFolder")
        self.bin = self.bin or ask(self.pool, "AddSubFolder", ask(self.pool, "GetRootFolder"), BIN)
        entered = self.bin and ask(self.pool, "SetCurrentFolder", self.bin)
        clips = ask(self.pool, "ImportMedia", [path]) if entered else None
        if before:
            ask(self.pool, "SetCurrentFolder", before)
        if not clips:
            raise Stop("", "Resolve did not import %s." % path)
        return clips[0]

    def free_track(self):
        """Number of an empty audio track of our name that sounds and takes clips; a new one where there is none."""
        tracks = self.tracks()
        for track in tracks:
            if track.name == TRACK and not track.foreign and not track.ours and track.on and not track.locked:
                return track.index
        ask(self.timeline, "AddTrack", "audio", "stereo")
        added = int(ask(self.timeline, "GetTrackCount", "audio") or 0)
        if added != len(tracks) + 1 or ask(self.timeline, "GetItemListInTrack", "audio", added):
            raise Stop("", "Resolve did not add an audio track.")
        ask(self.timeline, "SetTrackName", "audio", added, TRACK)
        return added

    def placed(self, track, clip, frame):
        """The item that plays the clip at a frame of a track, or None."""
        for item in ask(self.timeline, "GetItemListInTrack", "audio", track) or []:
            if ask(item, "GetMediaPoolItem") == clip and ask(item, "GetStart") == frame:
                if (ask(item, "GetDuration") or 0) > 0:
                    return item
        return None

    def take_back(self, clip):
        """The editor opened another timeline at the very moment: what went there is taken back."""
        there = ask(self.project, "GetCurrentTimeline")
        if not there or self.is_open():
            return ""

        def strays():
            count = int(ask(there, "GetTrackCount", "audio") or 0)
            lists = [ask(there, "GetItemListInTrack", "audio", index + 1) or [] for index in range(count)]
            return [item for items in lists for item in items if ask(item, "GetMediaPoolItem") == clip]

        for _ in range(2):
            if strays():
                ask(there, "DeleteClips", strays())
        for item in strays():
            ask(item, "SetClipEnabled", False)
        return " It lies, switched off, on the timeline that was opened meanwhile." if strays() else ""

    def silence(self, index, keep):
        """Delete previews of ours from a track, or switch off what stays.

        Deleting sometimes refuses once for no reason; off the Edit page it does nothing. An item that the editor linked
        to others is not deleted: they might go with it.
        """

        def old():
            track = AudioTrack(self.timeline, index, self.is_ours)
            return track, [i for i in track.ours if keep is None or ask(i, "GetUniqueId") != keep]

        for _ in range(2):
            alone = [item for item in old()[1] if not ask(item, "GetLinkedItems")]
            if alone:
                ask(self.timeline, "DeleteClips", alone)
        track, left = old()
        if not left:
            if not track.on and not track.ours and not track.foreign and track.name == TRACK:
                ask(self.timeline, "SetTrackEnable", "audio", index, True)  # we had switched it off
        elif not track.foreign and len(left) == len(track.ours):
            ask(self.timeline, "SetTrackEnable", "audio", index, False)
        else:
            for item in left:
                ask(item, "SetClipEnabled", False)

    def silence_all(self, keep):
        """Silence every preview of ours but the one of a unique id; locked tracks are left as they are.

        Returns the tracks on which others still sound, how many others are left, and whether the kept one is heard.
        """
        for track in self.tracks():
            if track.ours and not track.locked:
                self.silence(track.index, keep)
        sounding, left, heard = [], 0, False
        for track in self.tracks():
            for item in track.ours:
                sounds = track.on and ask(item, "GetClipEnabled") is not None
                if keep is not None and ask(item, "GetUniqueId") == keep:
                    heard = sounds
                    continue
                left += 1
                if sounds and track.where() not in sounding:
                    sounding.append(track.where())
        return sounding, left, heard

    def tidy_bin(self, keep):
        """Take previews out of our bin that no timeline uses."""
        for clip in ask(self.bin, "GetClipList") or []:
            name = str(ask(clip, "GetClipProperty", "File Path") or "").replace("\\", "/").rpartition("/")[2]
            if clip != keep and PREVIEW_NAME.match(name) and not self.is_used(clip):
                ask(self.pool, "DeleteClips", [clip])

    def is_used(self, clip):
        """Whether any timeline of the project plays a clip; what cannot be told counts as used."""
        if str(ask(clip, "GetClipProperty", "Usage") or "0") != "0":
            return True
        for number in range(int(ask(self.project, "GetTimelineCount") or 0)):
            timeline = ask(self.project, "GetTimelineByIndex", number + 1)
            count = ask(timeline, "GetTrackCount", "audio")
            if count is None:
                return True
            for index in range(int(count)):
                items = ask(timeline, "GetItemListInTrack", "audio", index + 1)
                if items is None or any(ask(item, "GetMediaPoolItem") == clip for item in items):
                    return True
        return False
