-- @noindex
-- Keeps everything that the import does not replace at its seconds while the tempo map changes. In a project whose
-- timebase is beats, REAPER would otherwise move items and markers and change the speed of video.

local Guard = {}

local TIME = 0
local SAME_S = 1e-6

local function video(item)
  local take = reaper.GetActiveTake(item)
  local source = take and reaper.GetMediaItemTake_Source(take)
  return source ~= nil and reaper.GetMediaSourceType(source) == "VIDEO"
end

Guard.is_video = video

local function rate_of(item)
  local take = reaper.GetActiveTake(item)
  return take and reaper.GetMediaItemTakeInfo_Value(take, "D_PLAYRATE") or nil
end

local function timebase(owner_mode, item_mode, project_mode)
  if item_mode >= 0 then return item_mode end
  if owner_mode >= 0 then return owner_mode end
  return project_mode
end

local function hold_item(held, item, track_mode, follows)
  local mode = reaper.GetMediaItemInfo_Value(item, "C_BEATATTACHMODE")
  local back = mode
  -- video must stay with the picture for good, not only during the import
  if not follows and video(item) and timebase(track_mode, mode, held.project_mode) ~= TIME then
    back, held.videos = TIME, held.videos + 1
  end
  local record = { item = item, back = back, rate = rate_of(item) }
  -- an item that is stretched with the tempo loses that when it is held in time
  record.stretch = reaper.GetMediaItemInfo_Value(item, "C_AUTOSTRETCH")
  record.position = reaper.GetMediaItemInfo_Value(item, "D_POSITION")
  record.length = reaper.GetMediaItemInfo_Value(item, "D_LENGTH")
  if follows then
    record.first = reaper.TimeMap2_timeToQN(0, record.position)
    record.last = reaper.TimeMap2_timeToQN(0, record.position + record.length)
  end
  held.items[#held.items + 1] = record
  reaper.SetMediaItemInfo_Value(item, "C_BEATATTACHMODE", TIME)
end

local function hold_track(held, track, follows)
  local mode = reaper.GetMediaTrackInfo_Value(track, "C_BEATATTACHMODE")
  held.tracks[#held.tracks + 1] = { track = track, back = mode }
  for i = 0, reaper.CountTrackMediaItems(track) - 1 do
    local item = reaper.GetTrackMediaItem(track, i)
    hold_item(held, item, mode, follows(item))
  end
  reaper.SetMediaTrackInfo_Value(track, "C_BEATATTACHMODE", TIME)
end

-- A name of a marker that stays the same when it is moved: its GUID, or its number where this version has no GUIDs.
function Guard.marker_id(index, is_region, number)
  local good, guid = reaper.GetSetProjectInfo_String(0, "MARKER_GUID:" .. index, "", false)
  if good and guid ~= "" then return guid end
  return (is_region and "r" or "m") .. number
end

-- Calls visit(index, id, is_region, position, last, name, number, color) for every marker and region.
function Guard.each_marker(visit)
  local index = 0
  while true do
    local more, is_region, position, last, name, number, color = reaper.EnumProjectMarkers3(0, index)
    if more == 0 then return end
    visit(index, Guard.marker_id(index, is_region, number), is_region, position, last, name, number, color)
    index = index + 1
  end
end

-- Records where all items are. Those for which follows(item) is true return to their beats, others to their seconds.
function Guard.hold(follows)
  local held = { tracks = {}, items = {}, markers = {}, videos = 0, repaired = 0, astray = 0 }
  held.project_mode = reaper.GetSetProjectInfo(0, "PROJECT_TIMEBASE", 0, false)
  hold_track(held, reaper.GetMasterTrack(0), follows)
  for i = 0, reaper.CountTracks(0) - 1 do hold_track(held, reaper.GetTrack(0, i), follows) end
  Guard.each_marker(function(_, id, is_region, position, last)
    held.markers[id] = { position = position, last = is_region and last or 0 }
  end)
  return held
end

local function differs(a, b) return math.abs(a - b) > SAME_S end

local function put_back(held, record, shift)
  local item = record.item
  if record.first then
    record.position = reaper.TimeMap2_QNToTime(0, record.first + shift)
    record.length = reaper.TimeMap2_QNToTime(0, record.last + shift) - record.position
  end
  if differs(reaper.GetMediaItemInfo_Value(item, "D_POSITION"), record.position) then
    reaper.SetMediaItemInfo_Value(item, "D_POSITION", record.position)
    held.repaired = held.repaired + (record.first and 0 or 1)
  end
  if differs(reaper.GetMediaItemInfo_Value(item, "D_LENGTH"), record.length) then
    reaper.SetMediaItemInfo_Value(item, "D_LENGTH", record.length)
    held.repaired = held.repaired + (record.first and 0 or 1)
  end
  if record.rate and differs(rate_of(item), record.rate) then
    reaper.SetMediaItemTakeInfo_Value(reaper.GetActiveTake(item), "D_PLAYRATE", record.rate)
    held.repaired = held.repaired + 1
  end
end

-- Index of the marker with this id, and whether it is not where it was.
local function find_marker(held, wanted)
  local found
  Guard.each_marker(function(index, id, is_region, position, last, name, number, color)
    local was = held.markers[id]
    if id == wanted and (differs(position, was.position) or (is_region and differs(last, was.last))) then
      found = { index, is_region, was.position, was.last, number, name, color, 0 }
    end
  end)
  return found
end

-- Moves back each marker that the tempo map moved, once. Its index is looked up anew because each move changes the
-- order; a marker that REAPER will not put back is left and told.
local function put_back_markers(held)
  local moved = {}
  Guard.each_marker(function(_, id, is_region, position, last)
    local was = held.markers[id]
    if was and (differs(position, was.position) or (is_region and differs(last, was.last))) then
      moved[#moved + 1] = id
    end
  end)
  for _, id in ipairs(moved) do
    local marker = find_marker(held, id)
    if marker and reaper.SetProjectMarkerByIndex2(0, table.unpack(marker)) then held.repaired = held.repaired + 1 end
    if find_marker(held, id) then held.astray = held.astray + 1 end
  end
end

-- Restores the timebases and moves back everything that moved all the same. Items that follow the beats go `shift`
-- quarter notes further with their cue.
function Guard.release(held, shift)
  reaper.UpdateTimeline()
  for _, record in ipairs(held.tracks) do
    reaper.SetMediaTrackInfo_Value(record.track, "C_BEATATTACHMODE", record.back)
  end
  for _, record in ipairs(held.items) do
    reaper.SetMediaItemInfo_Value(record.item, "C_BEATATTACHMODE", record.back)
    if record.stretch > 0 and record.back > TIME then
      reaper.SetMediaItemInfo_Value(record.item, "C_AUTOSTRETCH", record.stretch)
    end
    put_back(held, record, shift or 0)
  end
  put_back_markers(held)
end

return Guard
