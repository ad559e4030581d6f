-- @noindex
-- Tracks and items of a cue. Tracks are found again by their tag and keep what the user changed; items are replaced
-- unless the user locked, renamed or edited them.

local Tracks = {}

local TAG, GIVEN, PRINT = "P_EXT:v2m", "P_EXT:v2m_name", "P_EXT:v2m_print"
local TIME, BEATS = 0, 1
local CHORD_HEIGHT = 28
local OVERLAP_S = 1e-3
local MARKER_TEXT = 6
-- Flag of a controller from which the curve goes straight to the next one.
local LINEAR_CURVE = 16

local function track_text(track, key, value)
  local _, text = reaper.GetSetMediaTrackInfo_String(track, key, value or "", value ~= nil)
  return text
end

local function item_text(item, key, value)
  local _, text = reaper.GetSetMediaItemInfo_String(item, key, value or "", value ~= nil)
  return text
end

local function name_of(item)
  local take = reaper.GetActiveTake(item)
  if not take then return item_text(item, "P_NOTES") end
  local _, name = reaper.GetSetMediaItemTakeInfo_String(take, "P_NAME", "", false)
  return name
end

-- One note start, note end or controller as text; nil for everything else. A note-on of velocity 0 ends a note.
local function event_text(tick, message)
  local status, first, second = message:byte(1, 3)
  local kind = (status or 0) & 0xF0
  if kind == 0x90 and second == 0 then kind = 0x80 end
  if kind == 0x80 then return ("%d:%x:%d"):format(tick, 0x80 | status & 15, first) end
  if kind == 0x90 or kind == 0xA0 or kind == 0xB0 then return ("%d:%x:%d:%d"):format(tick, status, first, second) end
end

-- A checksum of all notes and controllers of a take, which shows whether the user edited them. Their order within a
-- tick is free, and editors change it. Selection, mutes and curve shapes are left out.
local function fingerprint(take)
  local _, buffer = reaper.MIDI_GetAllEvts(take)
  local at, tick, found = 1, 0, {}
  while at <= #buffer do
    local delta, _, message, after = string.unpack("<i4Bs4", buffer, at)
    tick, at = tick + delta, after
    -- the last event is REAPER's own and ends the source
    if after <= #buffer then found[#found + 1] = event_text(tick, message) end
  end
  table.sort(found)
  local sum = 0
  for _, text in ipairs(found) do
    for i = 1, #text do sum = (sum * 31 + text:byte(i)) % 2147483647 end
  end
  return #found .. ":" .. sum
end

local function each_item(visit)
  for t = 0, reaper.CountTracks(0) - 1 do
    local track = reaper.GetTrack(0, t)
    -- from the last to the first, so that deleting skips none
    for i = reaper.CountTrackMediaItems(track) - 1, 0, -1 do
      visit(reaper.GetTrackMediaItem(track, i), track)
    end
  end
end

Tracks.each_item = each_item

-- Cue and key of an item of ours, or nil.
local function tag_of(item)
  return item_text(item, TAG):match("^([^/]*)/(.*)$")
end

-- Whether an import made this item.
function Tracks.is_ours(item) return tag_of(item) ~= nil end

local function reason_to_keep(item)
  if math.floor(reaper.GetMediaItemInfo_Value(item, "C_LOCK")) & 1 == 1 then return "locked" end
  if name_of(item) ~= item_text(item, GIVEN) then return "renamed" end
  local take = reaper.GetActiveTake(item)
  local print = item_text(item, PRINT)
  if take and print ~= "" and fingerprint(take) ~= print then return "edited" end
end

-- Deletes the items of the given cues; those to keep go to the cue `id` and are returned as {item, key, reason}.
function Tracks.clear(cue_ids, id)
  local kept, removed = {}, 0
  each_item(function(item, track)
    local cue, key = tag_of(item)
    if not cue or not cue_ids[cue] then return end
    local reason = reason_to_keep(item)
    if reason then
      kept[#kept + 1] = { item = item, key = key, reason = reason }
      item_text(item, TAG, id .. "/" .. key)
    else
      reaper.DeleteTrackMediaItem(track, item)
      removed = removed + 1
    end
  end)
  return kept, removed
end

local function tagged_tracks()
  local found = {}
  for i = 0, reaper.CountTracks(0) - 1 do
    local track = reaper.GetTrack(0, i)
    local key = track_text(track, TAG)
    if key ~= "" and not found[key] then found[key] = track end
  end
  return found
end

local function new_track(wanted, native)
  local index = reaper.CountTracks(0)
  reaper.InsertTrackAtIndex(index, false)
  local track = reaper.GetTrack(0, index)
  track_text(track, "P_NAME", wanted.name)
  track_text(track, TAG, wanted.key)
  track_text(track, GIVEN, wanted.name)
  reaper.SetMediaTrackInfo_Value(track, "I_CUSTOMCOLOR", native(wanted.color))
  reaper.SetMediaTrackInfo_Value(track, "C_BEATATTACHMODE", wanted.kind == "video" and TIME or BEATS)
  if wanted.kind == "chords" then reaper.SetMediaTrackInfo_Value(track, "I_HEIGHTOVERRIDE", CHORD_HEIGHT) end
  return track
end

-- Removes tracks of ours that this job does not use, unless the user put something on them.
local function drop_unused(job)
  local wanted = {}
  for _, track in ipairs(job.tracks) do wanted[track.key] = true end
  for i = reaper.CountTracks(0) - 1, 0, -1 do
    local track = reaper.GetTrack(0, i)
    local key = track_text(track, TAG)
    local untouched = key ~= "" and reaper.CountTrackMediaItems(track) == 0 and reaper.TrackFX_GetCount(track) == 0
      and track_text(track, "P_NAME") == track_text(track, GIVEN)
    for category = -1, 1 do
      untouched = untouched and reaper.GetTrackNumSends(track, category) == 0
    end
    if untouched and not wanted[key] then reaper.DeleteTrack(track) end
  end
end

local function tag_item(context, item, key, name)
  item_text(item, TAG, context.id .. "/" .. key)
  item_text(item, GIVEN, name)
end

local function qn(context, beat) return context.qn + beat end
local function seconds(context, beat) return reaper.TimeMap2_QNToTime(0, qn(context, beat)) end

local function free_of_kept(context, key, first, last)
  for _, kept in ipairs(context.kept) do
    if kept.key == key then
      local start = reaper.GetMediaItemInfo_Value(kept.item, "D_POSITION")
      local stop = start + reaper.GetMediaItemInfo_Value(kept.item, "D_LENGTH")
      if start < last - OVERLAP_S and stop > first + OVERLAP_S then return false end
    end
  end
  return true
end

local function add_chords(context, track, wanted)
  local count = 0
  for _, chord in ipairs(wanted.chords) do
    local first, last = seconds(context, chord.first), seconds(context, chord.last)
    if free_of_kept(context, wanted.key, first, last) then
      local item = reaper.AddMediaItemToTrack(track)
      reaper.SetMediaItemInfo_Value(item, "D_POSITION", first)
      reaper.SetMediaItemInfo_Value(item, "D_LENGTH", last - first)
      reaper.SetMediaItemInfo_Value(item, "I_GROUPID", context.group)
      item_text(item, "P_NOTES", chord.symbol)
      tag_item(context, item, wanted.key, chord.symbol)
      count = count + 1
    end
  end
  context.facts[#context.facts + 1] = { "chords", count }
end

-- Order of events at one tick: note ends, then everything else, then note starts.
local function packed(events, last)
  table.sort(events, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    if a[2] ~= b[2] then return a[2] < b[2] end
    return a[4] < b[4]
  end)
  local parts, before = {}, 0
  for i, event in ipairs(events) do
    parts[i] = string.pack("<i4Bs4", event[1] - before, event[5] or 0, event[3])
    before = event[1]
  end
  parts[#parts + 1] = string.pack("<i4Bs4", math.max(0, last - before), 0, string.char(0xB0, 0x7B, 0))
  return table.concat(parts)
end

-- Instruments listen to channel 1, and a program change would switch their presets: neither is taken from the job.
local function midi_events(midi, tick)
  local events = {}
  local function add(at, rank, message, flags) events[#events + 1] = { at, rank, message, #events, flags } end
  for _, text in ipairs(midi.texts) do add(tick(text[1]), 1, string.char(0xFF, MARKER_TEXT) .. text[2]) end
  for _, control in ipairs(midi.controls) do
    add(tick(control[1]), 1, string.char(0xB0, control[2], control[3]), LINEAR_CURVE)
  end
  for _, note in ipairs(midi.notes) do
    local start = tick(note[1])
    add(start, 2, string.char(0x90, note[3], note[4]))
    add(math.max(start + 1, tick(note[1] + note[2])), 0, string.char(0x80, note[3], 0))
  end
  return events
end

local function add_midi(context, track, wanted)
  local midi = wanted.midi
  if not midi or not free_of_kept(context, wanted.key, seconds(context, midi.first), seconds(context, midi.last)) then
    return
  end
  local item = reaper.CreateNewMIDIItemInProj(track, qn(context, midi.first), qn(context, midi.last), true)
  local take = reaper.GetActiveTake(item)
  reaper.GetSetMediaItemTakeInfo_String(take, "P_NAME", midi.name, true)
  local origin = reaper.MIDI_GetPPQPosFromProjQN(take, qn(context, midi.first))
  local ppq = reaper.MIDI_GetPPQPosFromProjQN(take, qn(context, midi.first) + 1) - origin
  local function tick(beat) return math.max(0, math.floor(origin + (beat - midi.first) * ppq + 0.5)) end
  if not reaper.MIDI_SetAllEvts(take, packed(midi_events(midi, tick), tick(midi.last))) then
    error("REAPER refused the notes of " .. wanted.name, 0)
  end
  reaper.MIDI_Sort(take)
  if #midi.texts > 0 then reaper.SetMediaItemInfo_Value(item, "I_GROUPID", context.group) end
  reaper.SetMediaItemInfo_Value(item, "B_LOOPSRC", 0)
  tag_item(context, item, wanted.key, midi.name)
  item_text(item, PRINT, fingerprint(take))
  local _, notes, controls, texts = reaper.MIDI_CountEvts(take)
  if notes ~= #midi.notes or texts ~= #midi.texts then
    error(("%s has %d notes after writing %d"):format(wanted.name, notes, #midi.notes), 0)
  end
  context.facts[#context.facts + 1] = { "part", wanted.key, notes, controls, texts }
end

local function picture_is_there(context, Guard)
  local found = false
  each_item(function(item)
    local start = reaper.GetMediaItemInfo_Value(item, "D_POSITION")
    local stop = start + reaper.GetMediaItemInfo_Value(item, "D_LENGTH")
    if not tag_of(item) and start < context.last and stop > context.first and Guard.is_video(item) then found = true end
  end)
  return found
end

local function add_video(context, track, wanted, video)
  local first = context.first + video.first
  if not free_of_kept(context, wanted.key, first, first + video.length) then return end
  local source = reaper.file_exists(video.path) and reaper.PCM_Source_CreateFromFile(video.path)
  if not source then
    context.warnings[#context.warnings + 1] = "picture not found: " .. video.path
    return
  end
  local item = reaper.AddMediaItemToTrack(track)
  local take = reaper.AddTakeToMediaItem(item)
  reaper.SetMediaItemTake_Source(take, source)
  reaper.GetSetMediaItemTakeInfo_String(take, "P_NAME", video.name, true)
  reaper.SetMediaItemTakeInfo_Value(take, "D_STARTOFFS", video.source)
  reaper.SetMediaItemTakeInfo_Value(take, "D_PLAYRATE", video.speed)
  reaper.SetMediaItemInfo_Value(item, "C_BEATATTACHMODE", TIME)
  reaper.SetMediaItemInfo_Value(item, "D_POSITION", first)
  reaper.SetMediaItemInfo_Value(item, "D_LENGTH", video.length)
  reaper.SetMediaItemInfo_Value(item, "B_LOOPSRC", 0)
  tag_item(context, item, wanted.key, video.name)
end

local function free_group()
  local last = 0
  each_item(function(item) last = math.max(last, reaper.GetMediaItemInfo_Value(item, "I_GROUPID")) end)
  return last + 1
end

-- Whether the files of a video track exist on this computer.
local function pictures_exist(wanted)
  for _, video in ipairs(wanted.videos) do
    if reaper.file_exists(video.path) then return true end
  end
  return false
end

local function fill(context, wanted, tracks, native, Guard)
  if wanted.kind == "video" then
    if picture_is_there(context, Guard) then
      context.facts[#context.facts + 1] = { "picture", "yours" }
      return
    end
    if not tracks[wanted.key] and not pictures_exist(wanted) then
      context.warnings[#context.warnings + 1] = "picture not found on this machine: " .. wanted.videos[1].path
      return
    end
  end
  local track = tracks[wanted.key] or new_track(wanted, native)
  for _, video in ipairs(wanted.videos) do add_video(context, track, wanted, video) end
  if wanted.kind == "chords" then add_chords(context, track, wanted) end
  add_midi(context, track, wanted)
end

-- Adds tracks and items of the job. context: id, first, last (seconds of the cue), qn (quarter notes at its start),
-- kept (from clear), facts and warnings (filled).
function Tracks.add(job, context, native, Guard)
  context.group = free_group()
  local tracks = tagged_tracks()
  for _, wanted in ipairs(job.tracks) do fill(context, wanted, tracks, native, Guard) end
  drop_unused(job)
end

return Tracks
