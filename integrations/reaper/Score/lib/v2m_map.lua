-- @noindex
-- Where the job's beats lie in the project: on its own beats where the tempo maps agree, else at the same seconds.

local Map = {}

local EXACT_S = 1e-6

-- The point of the job's own tempo map in force at a value of one of its fields, and the BPM that it gains a second.
local function in_force(points, field, value)
  local at = 1
  while points[at + 1] and points[at + 1][field] <= value do at = at + 1 end
  local point, after = points[at], points[at + 1]
  if not (point.linear and after) then return point, 0 end
  return point, (after.bpm - point.bpm) / (after.seconds - point.seconds)
end

-- Seconds of the cue at a beat of the job's own tempo map.
local function job_seconds(points, beat)
  local point, slope = in_force(points, "beat", beat)
  local beats = beat - point.beat
  local root = math.sqrt(math.max(0, point.bpm * point.bpm + 120 * slope * math.max(0, beats)))
  return point.seconds + 120 * beats / (point.bpm + root)
end

-- Beat of the job's own tempo map at a second of the cue.
local function job_beat(points, seconds)
  local point, slope = in_force(points, "seconds", seconds)
  local elapsed = seconds - point.seconds
  return point.beat + (point.bpm + slope * math.max(0, elapsed) / 2) * elapsed / 60
end

-- Whether the project's tempo map has the job's beats at the job's seconds.
local function agrees(job, base)
  local start = reaper.TimeMap2_timeToQN(0, base)
  local function off(beat, seconds)
    return math.abs(reaper.TimeMap2_QNToTime(0, start + beat) - base - seconds) > EXACT_S
  end
  for _, point in ipairs(job.tempo) do
    if off(point.beat, point.seconds) then return false end
  end
  -- beyond the points, and inside glides
  for part = 1, 8 do
    local beat = job.end_beat * part / 8
    if off(beat, job_seconds(job.tempo, beat)) then return false end
  end
  return true
end

-- The map of a cue that starts `base` seconds into the project: qn(beat), seconds(beat), beat(seconds), and whether
-- the project's beats are the job's (on_grid).
function Map.new(job, base)
  local start = reaper.TimeMap2_timeToQN(0, base)
  local map = { on_grid = agrees(job, base) }
  if map.on_grid then
    function map.qn(beat) return start + beat end
    function map.seconds(beat) return reaper.TimeMap2_QNToTime(0, start + beat) end
    function map.beat(seconds) return reaper.TimeMap2_timeToQN(0, seconds) - start end
  else
    function map.seconds(beat) return base + job_seconds(job.tempo, beat) end
    function map.qn(beat) return reaper.TimeMap2_timeToQN(0, map.seconds(beat)) end
    function map.beat(seconds) return job_beat(job.tempo, seconds - base) end
  end
  return map
end

return Map
