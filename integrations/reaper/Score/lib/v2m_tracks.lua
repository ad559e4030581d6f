-- @noindex
-- Tracks and items of a cue. Tracks are found again by their tag and keep what the user changed; items are replaced
-- unless the user locked, renamed, moved or edited them.

return function(Midi)
local Tracks = {}

local TAG, GIVEN, PRINT = "P_EXT:v2m", "P_EXT:v2m_name", "P_EXT:v2m_print"
-- Where an item was put (quarter notes and seconds of start and length), and how long its last notes ring on.
local PLACE, RING = "P_EXT:v2m_place", "P_EXT:v2m_ring"
local TIME, BEATS = 0, 1
local CHORD_HEIGHT = 28
local OVERLAP_S = 1e-3
-- An item counts as moved if it is elsewhere by more than this both in seconds and in quarter notes.
local MOVED = 1e-3
-- Action "Peaks: Build any missing peaks".
local BUILD_PEAKS = 40047
local VIDEO, CHORDS = "video", "chords"

local function track_text(track, key, value)
  local _, text = reaper.GetSetMediaTrackInfo_String(track, key, value or "", value ~= nil)
  return text
end

local function item_text(item, key, value)
  local _, text = reaper.GetSetMediaItemInfo_String(item, key, value or "", value ~= nil)
  return text
end

-- Numbers as text, whatever decimal separator the system has.
local function numbers_text(...)
  local texts = {}
  for i, value in ipairs({ ... }) do texts[i] = ("%.17g"):format(value):gsub(",", ".") end
  return table.concat(texts, " ")
end

local function name_of(item)
  local take = reaper.GetActiveTake(item)
  if not take then return item_text(item, "P_NOTES") end
  local _, name = reaper.GetSetMediaItemTakeInfo_String(take, "P_NAME", "", false)
  return name
end

local function span_of(item)
  local first = reaper.GetMediaItemInfo_Value(item, "D_POSITION")
  return first, first + reaper.GetMediaItemInfo_Value(item, "D_LENGTH")
end

-- Quarter notes and seconds of an item's start and length.
local function place_of(item)
  local first, last = span_of(item)
  local qn = reaper.TimeMap2_timeToQN(0, first)
  return qn, reaper.TimeMap2_timeToQN(0, last) - qn, first, last - first
end

local function note_place(item) item_text(item, PLACE, numbers_text(place_of(item))) end

-- The place that was noted, or nil.
local function noted_place(item)
  local noted = {}
  for text in item_text(item, PLACE):gmatch("%S+") do noted[#noted + 1] = tonumber(text) end
  return #noted == 4 and noted or nil
end

-- Whether the user moved the item or changed its length. A tempo map that somebody edits moves items too, but keeps
-- either their beats or their seconds.
local function was_moved(item)
  local noted = noted_place(item)
  if not noted then return false end
  local now = { place_of(item) }
  local function differs(i) return math.abs(now[i] - noted[i]) > MOVED end
  return (differs(1) or differs(2)) and (differs(3) or differs(4))
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

-- Whether all items of these cues were moved by the same time: somebody shifted the whole session, which is no edit.
local function shifted_as_a_whole(cue_ids)
  local shift, same, count = nil, true, 0
  each_item(function(item)
    local cue, key = tag_of(item)
    local noted = cue and cue_ids[cue] and key ~= VIDEO and noted_place(item)
    if noted then
      local first = span_of(item)
      shift = shift or first - noted[3]
      same = same and math.abs(first - noted[3] - shift) < MOVED
      count = count + 1
    end
  end)
  return same and count > 1 and math.abs(shift) > MOVED
end

local function reason_to_keep(item, key, shifted)
  if math.floor(reaper.GetMediaItemInfo_Value(item, "C_LOCK")) & 1 == 1 then return "locked" end
  if name_of(item) ~= item_text(item, GIVEN) then return "renamed" end
  local take = reaper.GetActiveTake(item)
  local print = item_text(item, PRINT)
  if take and print ~= "" and Midi.fingerprint(take) ~= print then return "edited" end
  if key ~= VIDEO and not shifted and was_moved(item) then return "moved" end
end

-- Whether items of a track with this key are replaced by an import of these things.
local function in_scope(key, scope)
  if key == VIDEO then return scope.all end
  if key == CHORDS then return scope.chords end
  return scope.parts
end

-- Bars of the project in which an item begins and ends, counted from 1.
local function bars_of(item)
  local first, last = span_of(item)
  local _, from = reaper.TimeMap2_timeToBeats(0, first + OVERLAP_S)
  local _, to = reaper.TimeMap2_timeToBeats(0, math.max(first, last - OVERLAP_S))
  return from + 1, to + 1
end

-- Deletes the items of the given cues that this import replaces. The others go to the cue `id`: those of the user's
-- own making are returned as {item, key, reason, first bar, last bar}, the rest as {item, key}.
-- wish: scope, and take_new(item), whether the user gives an item up.
function Tracks.clear(cue_ids, id, wish)
  local kept, left, removed = {}, {}, 0
  local shifted = shifted_as_a_whole(cue_ids)
  each_item(function(item, track)
    local cue, key = tag_of(item)
    if not cue or not cue_ids[cue] then return end
    local replaced = in_scope(key, wish.scope)
    local reason = not (replaced and wish.take_new(item)) and reason_to_keep(item, key, shifted)
    if replaced and not reason then
      reaper.DeleteTrackMediaItem(track, item)
      removed = removed + 1
      return
    end
    item_text(item, TAG, id .. "/" .. key)
    local record = { item = item, key = key, reason = reason or nil, moved = not shifted and was_moved(item) }
    record.first_bar, record.last_bar = bars_of(item)
    local list = replaced and kept or left
    list[#list + 1] = record
  end)
  return kept, left, removed
end

-- Whether these items go with the beats when the tempo map changes: all but pictures.
function Tracks.goes_with_beats(record) return record.key ~= VIDEO end

-- Notes the new place of items that the tempo map moved, so that they do not look moved by the user.
function Tracks.note_places(records)
  for _, record in ipairs(records) do
    if not record.moved then note_place(record.item) end
  end
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
  reaper.SetMediaTrackInfo_Value(track, "C_BEATATTACHMODE", wanted.kind == VIDEO and TIME or BEATS)
  if wanted.kind == CHORDS then
    reaper.SetMediaTrackInfo_Value(track, "I_HEIGHTOVERRIDE", CHORD_HEIGHT)
    -- a height set by a script shows only after this
    reaper.TrackList_AdjustWindows(false)
  end
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
  note_place(item)
end

-- Where the user's items of a track lie, in order of time; what rings on behind a section does not count.
local function kept_spans(context, key)
  local spans = {}
  for _, kept in ipairs(context.kept) do
    if kept.key == key then
      local first, last = span_of(kept.item)
      local ring = tonumber(item_text(kept.item, RING)) or 0
      spans[#spans + 1] = { first = first, last = math.max(first, last - ring) }
    end
  end
  table.sort(spans, function(a, b) return a.first < b.first end)
  return spans
end

local function overlaps(spans, first, last)
  for _, span in ipairs(spans) do
    if span.first < last - OVERLAP_S and span.last > first + OVERLAP_S then return true end
  end
  return false
end

local function add_chords(context, track, wanted)
  local count, spans = 0, kept_spans(context, wanted.key)
  for _, chord in ipairs(wanted.chords) do
    local first, last = context.map.seconds(chord.first), context.map.seconds(chord.last)
    if not overlaps(spans, first, last) then
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

-- Lays the sections of a part, each where the user's own items leave it free.
local function add_midi(context, track, wanted)
  local notes, controls, texts, spans = 0, 0, 0, kept_spans(context, wanted.key)
  for _, section in ipairs(wanted.items) do
    for _, midi in ipairs(Midi.pieces(context.map, section, spans)) do
      local item, take, ring = Midi.lay(context.map, track, midi, wanted.name)
      if #midi.texts > 0 then reaper.SetMediaItemInfo_Value(item, "I_GROUPID", context.group) end
      tag_item(context, item, wanted.key, midi.name)
      item_text(item, PRINT, Midi.fingerprint(take))
      item_text(item, RING, numbers_text(ring))
      notes, controls, texts = notes + #midi.notes, controls + #midi.controls, texts + #midi.texts
    end
  end
  if #wanted.items > 0 then context.facts[#context.facts + 1] = { "part", wanted.key, notes, controls, texts } end
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
  if overlaps(kept_spans(context, wanted.key), first, first + video.length) then return end
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
  context.peaks = true
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
  if wanted.kind == VIDEO then
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
  if wanted.kind == CHORDS then add_chords(context, track, wanted) end
  add_midi(context, track, wanted)
end

-- Adds tracks and items of the job. context: id, first, last (seconds of the cue), map, scope, kept (from clear),
-- facts and warnings (filled).
function Tracks.add(job, context, native, Guard)
  context.group = free_group()
  local tracks = tagged_tracks()
  for _, wanted in ipairs(job.tracks) do
    if in_scope(wanted.key, context.scope) then fill(context, wanted, tracks, native, Guard) end
  end
  if context.scope.all then drop_unused(job) end
  -- media that a script adds shows no waveform until somebody asks for it
  if context.peaks then reaper.Main_OnCommand(BUILD_PEAKS, 0) end
end

return Tracks
end
