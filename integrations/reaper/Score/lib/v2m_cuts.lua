-- @noindex
-- This project's picture as an OpenTimelineIO file: video items become shots, markers become markers, markers named
-- "cut" or "dissolve", with or without a number, split a shot that runs through them. Frames are those of the project's frame rate.

local Cuts = {}

-- Up to this many splits of one film are sent as markers too: they may be cuts that the picture does not show.
local FEW_CUTS = 5

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function quote(text)
  return '"' .. text:gsub('[%c"\\]', function(c) return ESCAPES[c] or ("\\u%04x"):format(c:byte()) end) .. '"'
end

-- The frame rate setting 23.976 means 24000/1001.
local function exact_rate(fps)
  local ntsc = math.floor(fps * 1.001 + 0.5) * 1000 / 1001
  return (math.abs(ntsc - fps) < 0.002 and math.abs(fps - math.floor(fps + 0.5)) > 0.002) and ntsc or fps
end

local function frames(seconds, rate) return math.floor(seconds * rate + 0.5) end

-- JSON knows only decimal points, whatever this computer is set to.
local function number(value) return (("%.17g"):format(value):gsub(",", ".")) end

local function time(value, rate)
  return ('{"OTIO_SCHEMA":"RationalTime.1","rate":%s,"value":%d}'):format(number(rate), value)
end

local function range(first, length, rate)
  return ('{"OTIO_SCHEMA":"TimeRange.1","start_time":%s,"duration":%s}'):format(time(first, rate), time(length, rate))
end

local function url(path)
  local plain = path:gsub("\\", "/"):gsub("[^%w%-%._~/:]", function(c) return ("%%%02X"):format(c:byte()) end)
  if plain:match("^%a:/") then return "file:///" .. plain end
  return plain:match("^/") and "file://" .. plain or plain
end

local function gap(length, rate)
  return ('{"OTIO_SCHEMA":"Gap.1","name":"","source_range":%s,"effects":[],"markers":[],"metadata":{}}'):format(
    range(0, length, rate))
end

local function clip(shot, rate)
  local effects = ""
  if math.abs(shot.speed - 1) > 1e-9 then
    effects = ('{"OTIO_SCHEMA":"LinearTimeWarp.1","name":"","effect_name":"LinearTimeWarp","time_scalar":%s,'
      .. '"metadata":{}}'):format(number(shot.speed))
  end
  local media = shot.path ~= "" and ('{"OTIO_SCHEMA":"ExternalReference.1","name":"","target_url":%s,'
    .. '"available_range":null,"metadata":{}}'):format(quote(url(shot.path)))
    or '{"OTIO_SCHEMA":"MissingReference.1","name":"","available_range":null,"metadata":{}}'
  return ('{"OTIO_SCHEMA":"Clip.1","name":%s,"source_range":%s,"media_reference":%s,"effects":[%s],"markers":[],'
    .. '"metadata":{}}'):format(quote(shot.name), range(shot.source, shot.last - shot.first, rate), media, effects)
end

-- Items of a track that show picture, cut to the span, in frames from its start.
local function shots_of(track, span, rate, is_video)
  local shots = {}
  for i = 0, reaper.CountTrackMediaItems(track) - 1 do
    local item = reaper.GetTrackMediaItem(track, i)
    if is_video(item) and reaper.GetMediaItemInfo_Value(item, "B_MUTE") == 0 then
      local take = reaper.GetActiveTake(item)
      local position = reaper.GetMediaItemInfo_Value(item, "D_POSITION")
      local stop = position + reaper.GetMediaItemInfo_Value(item, "D_LENGTH")
      local first, last = math.max(position, span.first), math.min(stop, span.last)
      local _, name = reaper.GetSetMediaItemTakeInfo_String(take, "P_NAME", "", false)
      local speed = reaper.GetMediaItemTakeInfo_Value(take, "D_PLAYRATE")
      local source = reaper.GetMediaItemTakeInfo_Value(take, "D_STARTOFFS") + (first - position) * speed
      local shot = { name = name, speed = speed, source = frames(source, rate) }
      shot.path = reaper.GetMediaSourceFileName(reaper.GetMediaItemTake_Source(take))
      shot.first, shot.last = frames(first - span.first, rate), frames(last - span.first, rate)
      -- where two items overlap the later one covers the earlier
      local before = shots[#shots]
      if before and before.last > shot.first then before.last = shot.first end
      if before and before.last <= before.first then shots[#shots] = nil end
      if shot.last > shot.first then shots[#shots + 1] = shot end
    end
  end
  return shots
end

-- Splits shots at the cuts that run through them; notes those frames in `used`.
local function split_at(shots, cuts, used)
  local parts = {}
  for _, shot in ipairs(shots) do
    for _, frame in ipairs(cuts) do
      if frame > shot.first and frame < shot.last then
        local head = {}
        for key, value in pairs(shot) do head[key] = value end
        head.last = frame
        if not used[frame] then
          used[frame], used.count = true, (used.count or 0) + 1
        end
        parts[#parts + 1] = head
        shot.source = shot.source + math.floor((frame - shot.first) * shot.speed + 0.5)
        shot.first = frame
      end
    end
    parts[#parts + 1] = shot
  end
  return parts
end

local function track_text(shots, length, rate, name)
  local children, at = {}, 0
  for _, shot in ipairs(shots) do
    if shot.first > at then children[#children + 1] = gap(shot.first - at, rate) end
    children[#children + 1] = clip(shot, rate)
    at = shot.last
  end
  if at < length then children[#children + 1] = gap(length - at, rate) end
  return ('{"OTIO_SCHEMA":"Track.1","name":%s,"kind":"Video","source_range":null,"effects":[],"markers":[],'
    .. '"metadata":{},"children":[%s]}'):format(quote(name), table.concat(children, ","))
end

local function marker_text(marker, rate)
  return ('{"OTIO_SCHEMA":"Marker.2","name":%s,"color":"RED","marked_range":%s,"metadata":{}}'):format(
    quote(marker.name), range(marker.frame, marker.length, rate))
end

-- The time selection, else from the first picture (or the start) to the last one, else the whole project.
local function find_span(video_items)
  local first, last = reaper.GetSet_LoopTimeRange2(0, false, false, 0, 0, false)
  if last > first then return { first = first, last = last } end
  for _, item in ipairs(video_items) do
    local position = reaper.GetMediaItemInfo_Value(item, "D_POSITION")
    local stop = position + reaper.GetMediaItemInfo_Value(item, "D_LENGTH")
    first = first and #video_items > 0 and math.min(first == last and position or first, position) or position
    last = math.max(last, stop)
  end
  if last <= first then first, last = 0, reaper.GetProjectLength(0) end
  return { first = first, last = last }
end

local function video_items(is_video)
  local found = {}
  for i = 0, reaper.CountMediaItems(0) - 1 do
    local item = reaper.GetMediaItem(0, i)
    if is_video(item) then found[#found + 1] = item end
  end
  return found
end

local TRANSITIONS = { cut = true, dissolve = true, wipe = true, fade = true }

-- "cut", "Dissolve 12": the word alone or with a number. "Fade out strings here" is a note of the composer's.
local function is_cut(name)
  local kind, number = name:lower():match("^%s*(%a+)%s*(%d*)%s*$")
  return kind ~= nil and TRANSITIONS[kind] == true and (number == "" or name:match("%a%s+%d") ~= nil)
end

local function read_markers(Guard, span, rate)
  local markers, cuts = {}, {}
  Guard.each_marker(function(_, _, is_region, position, last, name)
    if position < span.first - 1e-9 or position >= span.last - 0.5 / rate then return end
    local frame = frames(position - span.first, rate)
    if not is_region and is_cut(name) then
      cuts[#cuts + 1] = frame
    elseif not is_region then
      markers[#markers + 1] = { frame = frame, length = 1, name = name }
    end
  end)
  table.sort(cuts)
  return markers, cuts
end

local function tracks_text(span, rate, length, cuts, is_video, used)
  local tracks = {}
  -- upper tracks cover lower ones, and OpenTimelineIO lists the lowest first
  for i = reaper.CountTracks(0) - 1, 0, -1 do
    local track = reaper.GetTrack(0, i)
    local shots = shots_of(track, span, rate, is_video)
    if #shots > 0 and reaper.GetMediaTrackInfo_Value(track, "B_MUTE") == 0 then
      local _, name = reaper.GetSetMediaTrackInfo_String(track, "P_NAME", "", false)
      tracks[#tracks + 1] = track_text(split_at(shots, cuts, used), length, rate, name)
    end
  end
  if #tracks == 0 then
    local whole = { { name = "picture", path = "", speed = 1, source = 0, first = 0, last = length } }
    tracks[1] = track_text(split_at(whole, cuts, used), length, rate, "V1")
  end
  return tracks
end

-- The file's text and the name to give it, or nil and what is missing.
function Cuts.text(Guard)
  local fps, drop = reaper.TimeMap_curFrameRate(0)
  local rate = exact_rate(fps)
  local span = find_span(video_items(Guard.is_video))
  local length = frames(span.last - span.first, rate)
  if length < 1 then return nil, "there is no picture, no time selection and no item in this project" end
  local markers, cuts = read_markers(Guard, span, rate)
  local used = {}
  local tracks = tracks_text(span, rate, length, cuts, Guard.is_video, used)
  if (used.count or 0) < FEW_CUTS then
    for frame in pairs(used) do
      if frame ~= "count" then markers[#markers + 1] = { frame = frame, length = 1, name = "cut" } end
    end
    table.sort(markers, function(a, b) return a.frame < b.frame end)
  end
  local marker_texts = {}
  for i, marker in ipairs(markers) do marker_texts[i] = marker_text(marker, rate) end
  local name = reaper.GetProjectName(0):gsub("%.[Rr][Pp][Pp]$", "")
  if name == "" then name = "REAPER project" end
  local start = frames(span.first + reaper.GetProjectTimeOffset(0, false), rate)
  local text = ('{"OTIO_SCHEMA":"Timeline.1","name":%s,"global_start_time":%s,"metadata":{"v2m_bridge":{"drop_frame":%s}},'
    .. '"tracks":{"OTIO_SCHEMA":"Stack.1","name":"tracks","source_range":null,"effects":[],"markers":[%s],'
    .. '"metadata":{},"children":[%s]}}'):format(
    quote(name), time(start, rate), tostring(drop), table.concat(marker_texts, ","), table.concat(tracks, ","))
  return text .. "\n", name:gsub("[^%w%-_ ]", "_")
end

return Cuts
