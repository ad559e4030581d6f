-- @noindex
-- Writes the cue's tempo map into the project: points by seconds, in order, from the cue's start on; signatures on bar
-- lines only. Points before the cue stay untouched, points behind it keep their own seconds.

return function(Bars)
local Tempo = {}

local SAME_S = 1e-9
local EXACT_S = 1e-6
-- What a project has before anybody sets a tempo.
local UNKNOWN = { time = 0, bpm = 120, num = 4, den = 4, linear = false }

-- Whether an earlier import made this point and it was not changed since.
local function is_ours(point, recorded)
  for _, own in ipairs(recorded) do
    if math.abs(own.time - point.time) < EXACT_S and math.abs(own.bpm - point.bpm) < EXACT_S then return true end
  end
  return false
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
local function restore_after(after, metre, last, made, warnings)
  local earliest = last
  for i, point in ipairs(after) do
    if i == 1 and point.num == 0 then point.num, point.den = metre.num, metre.den end
    if point.num == 0 then
      Bars.insert(point)
    elseif not Bars.insert_line_after(point, earliest, made) then
      warnings[#warnings + 1] = ("the metre %d/%d behind the cue was left out: no bar line falls on %.3f s"):format(
        point.num, point.den, point.time)
    end
    earliest = point.time
  end
end

-- Gives signatures of the user back that the import before had to change; returns those for which it is too early.
local function restore_metres(metres)
  local waiting = {}
  for _, metre in ipairs(metres) do
    local there = Bars.at(metre.time)
    if there and Bars.is_line(metre.time) then
      reaper.SetTempoTimeSigMarker(
        0, there.index, there.time, -1, -1, there.bpm, metre.num, metre.den, there.linear)
    elseif there then
      waiting[#waiting + 1] = metre
    end
  end
  return waiting
end

local function verify(job, base)
  local worst, start_qn = 0, reaper.TimeMap2_timeToQN(0, base)
  local points, at = Bars.read_all(), 1
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

-- The tempo and metre at the project's start that are the user's: where a cue of ours stood there, those of before it.
local function opening(recorded, known)
  local there = Bars.at(0)
  if there and is_ours(there, recorded) then return known or UNKNOWN end
  local num, den, bpm = reaper.TimeMap_GetTimeSigAtTime(0, 0)
  return { time = 0, bpm = bpm, num = num, den = den, linear = false }
end

-- Writes the tempo points of the cue, the first of them as a bar line.
local function write_cue(job, base, own, made, changed)
  for i, wanted in ipairs(job.tempo) do
    local point = { time = base + wanted.seconds, bpm = wanted.bpm, num = wanted.num, den = wanted.den }
    point.linear = wanted.linear
    if i == 1 and base > SAME_S then Bars.insert_line(point, own, made, changed) else Bars.insert(point) end
    made[#made + 1] = point
  end
end

-- Writes the map of `job` from `base` seconds on. `recorded` are points that earlier imports of this cue made, `metres`
-- signatures of the user that they changed, `known` the tempo at the project's start before them. Returns what is to be
-- recorded (points, metres, opening), the largest error in seconds and how many foreign points were replaced.
function Tempo.write(job, base, recorded, metres, known, warnings)
  local start = opening(recorded, known)
  local changed = restore_metres(metres)
  local points = Bars.read_all()
  local last = base + job.duration
  local _, after, has_start = split(points, base, last, recorded)
  local metre = {}
  if after[1] then metre.num, metre.den = metre_at(after[1].time) end
  local made = {}
  delete_points(base, recorded)
  if base > SAME_S and not has_start then
    Bars.put(start)
    made[1] = start
  end
  local function own(point) return is_ours(point, made) end
  write_cue(job, base, own, made, changed)
  restore_after(after, metre, last, made, warnings)
  reaper.UpdateTimeline()
  local foreign_inside = 0
  for _, point in ipairs(points) do
    if point.time >= base - SAME_S and point.time <= last + SAME_S and not is_ours(point, recorded) then
      foreign_inside = foreign_inside + 1
    end
  end
  return { points = made, metres = changed, opening = start }, verify(job, base), foreign_inside
end

return Tempo
end
