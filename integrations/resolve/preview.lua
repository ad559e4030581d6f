-- Part of "Score this timeline.lua": "v2m-bridge install resolve" puts it in the place of the line that names it.
-- Where the preview goes, and how earlier ones are silenced. Nothing that is not ours is deleted, moved or switched off.

-- Audio tracks of a timeline: number, whether on and locked, how many items are not ours (math.huge where Resolve does
-- not tell), and our previews. Ours is what plays a sound of the folder of previews, or a preview of our bin.
local function audio_tracks(timeline, bin)
  local function is_ours(clip)
    local path = tostring(ask(clip, "GetClipProperty", "File Path") or ""):gsub("\\", "/"):lower()
    local folder, name = path:match("^(.*/)([^/]*)$")
    if not name or not name:find("^preview%-%x+%.wav$") then return false end
    if folder == STAMP.previews:gsub("\\", "/"):lower() then return true end
    for _, kept in ipairs(list(ask(bin, "GetClipList"))) do
      if kept == clip then return true end
    end
    return false
  end
  local tracks = {}
  for index = 1, tonumber(ask(timeline, "GetTrackCount", "audio")) or 0 do
    local items = ask(timeline, "GetItemListInTrack", "audio", index)
    local track = { index = index, name = ask(timeline, "GetTrackName", "audio", index), ours = {}, foreign = 0 }
    track.locked = ask(timeline, "GetIsTrackLocked", "audio", index) == true
    track.on = ask(timeline, "GetIsTrackEnabled", "audio", index) == true
    if type(items) ~= "table" then track.foreign = math.huge end
    for _, item in ipairs(list(items)) do
      if is_ours(ask(item, "GetMediaPoolItem")) then
        track.ours[#track.ours + 1] = item
      else
        track.foreign = track.foreign + 1
      end
    end
    tracks[index] = track
  end
  return tracks
end

local function is_open(project, timeline)
  local open = ask(project, "GetCurrentTimeline")
  local id = ask(timeline, "GetUniqueId")
  if id == nil then return open == timeline end
  return open ~= nil and ask(open, "GetUniqueId") == id
end

local function bin_of(pool)
  for _, folder in ipairs(list(ask(ask(pool, "GetRootFolder"), "GetSubFolderList"))) do
    if ask(folder, "GetName") == BIN then return folder end
  end
end

-- The sound at `path` in our bin, imported where it is not there yet; the editor's bin stays the current one.
local function sound_of(pool, path)
  local bin = bin_of(pool)
  for _, clip in ipairs(list(ask(bin, "GetClipList"))) do
    if ask(clip, "GetClipProperty", "File Path") == path then return clip end
  end
  local before = ask(pool, "GetCurrentFolder")
  bin = bin or ask(pool, "AddSubFolder", ask(pool, "GetRootFolder"), BIN)
  local entered = bin and ask(pool, "SetCurrentFolder", bin)
  local clip = entered and list(ask(pool, "ImportMedia", { path }))[1] or nil
  if before then ask(pool, "SetCurrentFolder", before) end
  return clip
end

-- Number of an empty audio track of our name that sounds and takes clips; a new one where there is none.
local function free_track(timeline, bin)
  local tracks = audio_tracks(timeline, bin)
  for _, track in ipairs(tracks) do
    local empty = track.foreign == 0 and #track.ours == 0
    if track.name == TRACK and empty and track.on and not track.locked then return track.index end
  end
  ask(timeline, "AddTrack", "audio", "stereo")
  local added = tonumber(ask(timeline, "GetTrackCount", "audio")) or 0
  if added ~= #tracks + 1 or #list(ask(timeline, "GetItemListInTrack", "audio", added)) > 0 then return nil end
  ask(timeline, "SetTrackName", "audio", added, TRACK)
  return added
end

local function placed_at(timeline, track, clip, frame)
  for _, item in ipairs(list(ask(timeline, "GetItemListInTrack", "audio", track))) do
    local there = ask(item, "GetMediaPoolItem") == clip and tonumber(ask(item, "GetStart")) == frame
    if there and (tonumber(ask(item, "GetDuration")) or 0) > 0 then return item end
  end
end

-- Deletes previews of ours from a track, or switches off what stays. Deleting sometimes refuses once for no reason; off
-- the Edit page it does nothing. An item that the editor linked to others is not deleted: they might go with it.
local function silence(timeline, track, bin, keep)
  local function old()
    local now, found = audio_tracks(timeline, bin)[track.index], {}
    for _, item in ipairs(now and now.ours or {}) do
      if not keep or ask(item, "GetUniqueId") ~= keep then found[#found + 1] = item end
    end
    return found, now
  end
  for _ = 1, 2 do
    local alone = {}
    for _, item in ipairs((old())) do
      if #list(ask(item, "GetLinkedItems")) == 0 then alone[#alone + 1] = item end
    end
    if #alone == 0 then break end
    ask(timeline, "DeleteClips", alone)
  end
  local left, now = old()
  if #left == 0 then
    if now and not now.on and #now.ours == 0 and now.foreign == 0 and now.name == TRACK then
      ask(timeline, "SetTrackEnable", "audio", track.index, true) -- we had switched it off
    end
  elseif now.foreign == 0 and #left == #now.ours then
    ask(timeline, "SetTrackEnable", "audio", track.index, false)
  else
    for _, item in ipairs(left) do ask(item, "SetClipEnabled", false) end
  end
end

-- Silences every preview of ours but the one of the unique id `keep`, then tells which still sound, and whether any is
-- left at all. Locked tracks are left as they are.
local function silence_all(timeline, bin, keep)
  for _, track in ipairs(audio_tracks(timeline, bin)) do
    if #track.ours > 0 and not track.locked then silence(timeline, track, bin, keep) end
  end
  local sounding, left, heard = {}, 0, false
  for _, track in ipairs(audio_tracks(timeline, bin)) do
    for _, item in ipairs(track.ours) do
      local sounds = track.on and ask(item, "GetClipEnabled") ~= nil
      if keep and ask(item, "GetUniqueId") == keep then
        heard = sounds
      else
        left = left + 1
        local place = "audio track " .. track.index .. (track.locked and " (locked)" or "")
        if sounds and sounding[#sounding] ~= place then sounding[#sounding + 1] = place end
      end
    end
  end
  return sounding, left, heard
end

-- Whether a sound is used on any timeline of the project; what cannot be told counts as used.
local function is_used(project, clip)
  local usage = ask(clip, "GetClipProperty", "Usage")
  if usage ~= nil and usage ~= "" and tostring(usage) ~= "0" then return true end
  for index = 1, tonumber(ask(project, "GetTimelineCount")) or 0 do
    local timeline = ask(project, "GetTimelineByIndex", index)
    local tracks = tonumber(ask(timeline, "GetTrackCount", "audio"))
    for track = 1, tracks or 0 do
      local items = ask(timeline, "GetItemListInTrack", "audio", track)
      if type(items) ~= "table" then return true end
      for _, item in ipairs(list(items)) do
        if ask(item, "GetMediaPoolItem") == clip then return true end
      end
    end
    if not tracks then return true end
  end
  return false
end

-- Takes previews out of our bin that no timeline uses; `keep` stays.
local function tidy_bin(project, pool, bin, keep)
  for _, clip in ipairs(list(ask(bin, "GetClipList"))) do
    local name = tostring(ask(clip, "GetClipProperty", "File Path") or ""):match("[^/\\]*$")
    if clip ~= keep and name:find("^preview%-%x+%.wav$") and not is_used(project, clip) then
      ask(pool, "DeleteClips", { clip })
    end
  end
end

-- The editor opened another timeline at the very moment: what went there is taken back.
local function take_back(project, timeline, clip)
  local open = ask(project, "GetCurrentTimeline")
  if not open or is_open(project, timeline) then return "" end
  local function strays()
    local found = {}
    for index = 1, tonumber(ask(open, "GetTrackCount", "audio")) or 0 do
      for _, item in ipairs(list(ask(open, "GetItemListInTrack", "audio", index))) do
        if ask(item, "GetMediaPoolItem") == clip then found[#found + 1] = item end
      end
    end
    return found
  end
  for _ = 1, 2 do
    if #strays() > 0 then ask(open, "DeleteClips", strays()) end
  end
  for _, item in ipairs(strays()) do ask(item, "SetClipEnabled", false) end
  return #strays() > 0 and " It lies, switched off, on the timeline that was opened meanwhile." or ""
end

-- Puts the preview on a track of ours and silences the earlier ones; returns sentences on how it went.
local function place_preview(project, timeline, reply)
  if not reply.preview then return "The preview was not placed: this score has none." end
  local waited = 0
  while not is_open(project, timeline) do
    if waited >= RETURN_S then
      return "The preview was not placed: another timeline is open, or a dialog. Open this one and score it again, "
        .. "or drag in " .. reply.preview .. "."
    end
    bmd.wait(POLL_S)
    waited = waited + POLL_S
  end
  local pool = ask(project, "GetMediaPool")
  local clip = sound_of(pool, reply.preview)
  if not clip then return "The preview was not placed: Resolve did not import " .. reply.preview .. "." end
  local bin = bin_of(pool)
  local track = free_track(timeline, bin)
  if not track then return "The preview was not placed: Resolve did not add an audio track." end
  local wanted = { mediaPoolItem = clip, mediaType = 2, trackIndex = track, recordFrame = reply.preview_frame }
  local frames = tonumber(ask(clip, "GetClipProperty", "Frames"))
  if frames and frames > 0 then wanted.startFrame, wanted.endFrame = 0, frames end -- the end is not part of the clip
  if is_open(project, timeline) then ask(pool, "AppendToTimeline", { wanted }) end
  local item = placed_at(timeline, track, clip, reply.preview_frame)
  if not item then
    return "The preview was not placed: Resolve did not take it. Drag it from the bin " .. BIN .. " yourself."
      .. take_back(project, timeline, clip)
  end
  local sounding, _, heard = silence_all(timeline, bin, ask(item, "GetUniqueId"))
  tidy_bin(project, pool, bin, clip)
  local text = "Preview on audio track " .. track .. "."
  if not heard then text = text .. " It is switched off there." end
  if #sounding > 0 then text = text .. " An older preview still sounds on " .. table.concat(sounding, ", ") .. "." end
  return text
end
