-- @noindex
-- Cut markers, the editor's markers and the cue region. Where scripts can use ruler lanes (REAPER 7.72+), the markers
-- get a lane of their own with timebase time, so that they stay on the picture when the tempo changes.

local Markers = {}

local LANE = "v2m"
local CUSTOM = 0x1000000

local function native(color)
  return reaper.ColorToNative(color >> 16 & 255, color >> 8 & 255, color & 255) | CUSTOM
end

Markers.native = native

local function lane_count() return math.floor(reaper.GetSetProjectInfo(0, "RULER_LANE_COUNT", 0, false)) end

local function lane_text(what, index)
  local good, text = reaper.GetSetProjectInfo_String(0, "RULER_LANE_" .. what .. ":" .. index, "", false)
  return good and text or nil
end

local function new_lane()
  local before, known = lane_count(), {}
  for i = 0, before - 1 do known[lane_text("GUID", i) or i] = true end
  reaper.GetSetProjectInfo(0, "RULER_LANE_ORDER:" .. before, -1, true)
  -- the call does not return whether it worked: count the markers, and find the new one by its GUID
  if lane_count() <= before then return nil end
  for i = 0, lane_count() - 1 do
    if not known[lane_text("GUID", i) or i] then
      reaper.GetSetProjectInfo_String(0, "RULER_LANE_NAME:" .. i, LANE, true)
      reaper.GetSetProjectInfo(0, "RULER_LANE_TIMEBASE:" .. i, 0, true)
      return i
    end
  end
end

-- Index of our lane, made when it is missing; nil where this version has no lanes.
local function lane()
  if not (reaper.AddRegionOrMarker and reaper.GetSetRegionOrMarkerInfo_String) then return nil end
  for i = 0, lane_count() - 1 do
    if lane_text("NAME", i) == LANE then return i end
  end
  return new_lane()
end

local function add_in_lane(mark, index)
  local made = reaper.AddRegionOrMarker(0, mark.last ~= nil, mark.first, mark.last or 0, mark.name, -1, native(mark.color))
  local _, guid = reaper.GetSetRegionOrMarkerInfo_String(0, made, "GUID", "", false)
  if index then reaper.SetRegionOrMarkerInfo_Value(0, made, "I_LANENUMBER", index) end
  return guid
end

local function add_plain(mark)
  return reaper.AddProjectMarker2(0, mark.last ~= nil, mark.first, mark.last or 0, mark.name, -1, native(mark.color))
end

-- Ids of markers made by number: one pass over all, because REAPER numbers markers and regions separately.
local function ids_by_number(marks, Guard)
  local ids = {}
  Guard.each_marker(function(_, id, is_region, _, _, _, number) ids[(is_region and "r" or "m") .. number] = id end)
  for _, mark in ipairs(marks) do mark.id = ids[(mark.last and "r" or "m") .. mark.number] end
end

-- Adds the job's markers and region, `base` seconds into the project; returns what to record of them.
function Markers.add(job, base, Guard)
  local marks = {}
  for _, marker in ipairs(job.markers) do
    marks[#marks + 1] = { first = base + marker.seconds, color = marker.color, name = marker.name }
  end
  local region = job.region
  marks[#marks + 1] =
    { first = base + region.first, last = base + region.last, color = region.color, name = region.name }
  local index = lane()
  for _, mark in ipairs(marks) do
    if index then mark.id = add_in_lane(mark, index) else mark.number = add_plain(mark) end
  end
  if not index then ids_by_number(marks, Guard) end
  return marks, index ~= nil
end

-- Removes the recorded markers, and those of the import before if undo brought them back, that nobody renamed;
-- returns how many were kept.
function Markers.remove(recorded, past, Guard)
  local names, doomed, kept = {}, {}, 0
  for _, marker in ipairs(past) do names[marker.id] = marker.name end
  for _, marker in ipairs(recorded) do names[marker.id] = marker.name end
  Guard.each_marker(function(index, id, _, _, _, name)
    if names[id] == name then
      doomed[#doomed + 1] = index
    elseif names[id] then
      kept = kept + 1
    end
  end)
  for i = #doomed, 1, -1 do reaper.DeleteProjectMarkerByIndex(0, doomed[i]) end
  return kept
end

-- Largest distance in seconds of the marks from where they belong, read back from the project.
function Markers.verify(marks, Guard)
  local found, worst = {}, 0
  Guard.each_marker(function(_, id, _, position, last) found[id] = { position, last } end)
  for _, mark in ipairs(marks) do
    local got = found[mark.id]
    if not got then error(("the marker %q is not there after adding it"):format(mark.name), 0) end
    worst = math.max(worst, math.abs(got[1] - mark.first), mark.last and math.abs(got[2] - mark.last) or 0)
  end
  return worst
end

return Markers
