-- @noindex
-- Writes the cue's tempo map into the project: points by seconds, in order, from the cue's start on; signatures on bar
-- lines only. Points before the cue stay untouched, points behind it keep their own seconds.

local Tempo = {}

local SAME_S = 1e-9
local EXACT_S = 1e-6
local ON_LINE_BEATS = 1e-7
local SLOWEST, FASTEST = 20, 400

local function read_all()
  local points = {}
  for i = 0, reaper.CountTempoTimeSigMarkers(0) - 1 do
    local _, time, _, _, bpm, num, den, linear = reaper.GetTempoTimeSigMarker(0, i)
    -- a point without a signature is read as -1, -1 and written as 0, 0
    points[#points + 1] = { time = time, bpm = bpm, num = math.max(0, num), den = math.max(0, den), linear = linear }
  end
  return points
end

local function insert(point)
  local good = reaper.SetTempoTimeSigMarker(
    0, -1, point.time, -1, -1, point.bpm, point.num, point.den, point.linear)
  if not good then error(("REAPER refused a tempo of %.3f at %.3f s"):format(point.bpm, point.time), 0) end
end

-- Whether an earlier import made this point and it was not changed since.
local function is_ours(point, recorded)
  for _, own in ipairs(recorded) do
    if math.abs(own.time - point.time) < EXACT_S and math.abs(own.bpm - point.bpm) < EXACT_S then return true end
  end
  return false
end

-- The bar line that a bar line at `time` should become, in quarter notes, going on from `from`.
local function target_line(time, from)
  local here, start_qn = reaper.TimeMap2_timeToQN(0, time), reaper.TimeMap2_timeToQN(0, from)
  local _, measure = reaper.TimeMap2_timeToBeats(0, time)
  local _, first, last = reaper.TimeMap_GetMeasureInfo(0, measure)
  local line = (here - first <= last - here) and first or last
  while 60 * (line - start_qn) / (time - from) < SLOWEST do line = line + (last - first) end
  return line, start_qn
end

-- Makes `time` a bar line: sets one tempo from the bar line before it (not before `earliest`) to it.
-- Returns the point that was written, or nil when it was a bar line already.
local function land_bar_line(time, earliest)
  local beats, measure, in_measure = reaper.TimeMap2_timeToBeats(0, time)
  if beats < ON_LINE_BEATS or in_measure - beats < ON_LINE_BEATS then return nil end
  local _, first = reaper.TimeMap_GetMeasureInfo(0, measure)
  local from = math.max(earliest, reaper.TimeMap2_QNToTime(0, first))
  if time - from < 1 and measure > 0 then
    local _, before = reaper.TimeMap_GetMeasureInfo(0, measure - 1)
    from = math.max(earliest, reaper.TimeMap2_QNToTime(0, before))
  end
  for _, there in ipairs(read_all()) do
    -- a point that is there already belongs to the user and keeps its tempo
    if math.abs(there.time - from) < SAME_S then from = from + (time - from) / 4 break end
  end
  local line, start_qn = target_line(time, from)
  local point = { time = from, bpm = 60 * (line - start_qn) / (time - from), num = 0, den = 0, linear = false }
  if point.bpm > FASTEST then
    error(("a tempo change stands too close before %.3f s to make that a bar line: move it"):format(time), 0)
  end
  insert(point)
  return point
end

-- Metre in force at a time.
local function metre_at(time)
  local num, den = reaper.TimeMap_GetTimeSigAtTime(0, time)
  return num, den
end

local function split(points, first, last, recorded)
  local before, after, has_start = {}, {}, false
  for _, point in ipairs(points) do
    if point.time < first - SAME_S then
      if not is_ours(point, recorded) then before[#before + 1] = point end
    elseif point.time > last + SAME_S and not is_ours(point, recorded) then
      after[#after + 1] = point
    end
    has_start = has_start or (point.time < SAME_S and first > SAME_S and not is_ours(point, recorded))
  end
  return before, after, has_start
end

local function delete_points(first, recorded)
  for i = reaper.CountTempoTimeSigMarkers(0) - 1, 0, -1 do
    local _, time, _, _, bpm = reaper.GetTempoTimeSigMarker(0, i)
    if time >= first - SAME_S or is_ours({ time = time, bpm = bpm }, recorded) then
      reaper.DeleteTempoTimeSigMarker(0, i)
    end
  end
end

-- Moves the points behind the cue back to their seconds: the first of them becomes a bar line in its own metre.
local function restore_after(after, metre, last, made)
  local earliest = last
  for i, point in ipairs(after) do
    if i == 1 and point.num == 0 then point.num, point.den = metre.num, metre.den end
    if point.num > 0 then made[#made + 1] = land_bar_line(point.time, earliest) end
    insert(point)
    earliest = point.time
  end
end

local function verify(job, base)
  local worst, start_qn = 0, reaper.TimeMap2_timeToQN(0, base)
  local points, at = read_all(), 1
  for _, wanted in ipairs(job.tempo) do
    local time = base + wanted.seconds
    while points[at] and points[at].time < time - EXACT_S do at = at + 1 end
    local got = points[at]
    if not got or math.abs(got.time - time) > EXACT_S or math.abs(got.bpm - wanted.bpm) > EXACT_S then
      error(("REAPER moved the tempo point that belongs at %.6f s"):format(time), 0)
    end
    local error_s = math.abs(reaper.TimeMap2_QNToTime(0, start_qn + wanted.beat) - time)
    worst = math.max(worst, error_s, math.abs(got.time - time))
  end
  if worst > EXACT_S then error(("the tempo map is off by %.7f s after writing it"):format(worst), 0) end
  return worst
end

-- Writes the map of `job` from `base` seconds on. `recorded` are points that earlier imports of this cue made.
-- Returns the points made (to be recorded), the largest error in seconds and how many foreign points were replaced.
function Tempo.write(job, base, recorded)
  local points = read_all()
  local last = base + job.duration
  local before, after, has_start = split(points, base, last, recorded)
  local metre = {}
  if after[1] then metre.num, metre.den = metre_at(after[1].time) end
  local start_num, start_den, start_bpm = reaper.TimeMap_GetTimeSigAtTime(0, 0)
  local made = {}
  delete_points(base, recorded)
  if base > SAME_S and not has_start then
    local opening = { time = 0, bpm = start_bpm, num = start_num, den = start_den, linear = false }
    insert(opening)
    made[1] = opening
  end
  if base > SAME_S then made[#made + 1] = land_bar_line(base, before[#before] and before[#before].time or 0) end
  for _, wanted in ipairs(job.tempo) do
    local point = { time = base + wanted.seconds, bpm = wanted.bpm, num = wanted.num, den = wanted.den }
    point.linear = wanted.linear
    insert(point)
    made[#made + 1] = point
  end
  restore_after(after, metre, last, made)
  reaper.UpdateTimeline()
  local foreign_inside = 0
  for _, point in ipairs(points) do
    if point.time >= base - SAME_S and point.time <= last + SAME_S and not is_ours(point, recorded) then
      foreign_inside = foreign_inside + 1
    end
  end
  return made, verify(job, base), foreign_inside
end

return Tempo
