-- @noindex
-- Makes any time a bar line, so that a signature can stand there. From REAPER 7.19 on the bar before is simply cut short
-- (partial measure). Older versions move a signature to the nearest bar line; there the bar before gets a short metre.

local Bars = {}

local SAME_S = 1e-9
local EXACT_S = 1e-6
local ON_LINE_BEATS = 1e-7
local SLOWEST, FASTEST = 20, 400
local PARTIAL = 4
-- A bar shorter than this takes the one before along.
local SHORTEST_BAR_S = 0.02
-- A metre with a larger note is taken when its tempo is this close to the one wanted.
local NEAR = math.log(1.06)
local NOTES = { 4, 8, 16, 32, 64 }

-- Every tempo point of the project; one without a signature is read as -1, -1 and written as 0, 0.
function Bars.read_all()
  local points = {}
  for i = 0, reaper.CountTempoTimeSigMarkers(0) - 1 do
    local _, time, _, _, bpm, num, den, linear = reaper.GetTempoTimeSigMarker(0, i)
    points[#points + 1] =
      { index = i, time = time, bpm = bpm, num = math.max(0, num), den = math.max(0, den), linear = linear }
  end
  return points
end

local function write(index, point, num, den)
  local good = reaper.SetTempoTimeSigMarker(0, index, point.time, -1, -1, point.bpm, num, den, point.linear)
  if not good then error(("REAPER refused a tempo of %.3f at %.3f s"):format(point.bpm, point.time), 0) end
end

function Bars.insert(point) write(-1, point, point.num, point.den) end

-- The tempo point at `time`, or nil.
function Bars.at(time)
  for _, point in ipairs(Bars.read_all()) do
    if math.abs(point.time - time) < SAME_S then return point end
  end
end

-- Writes a point where there may be one already.
function Bars.put(point)
  local there = Bars.at(point.time)
  write(there and there.index or -1, point, point.num, point.den)
end

function Bars.is_line(time)
  local beats, _, in_measure = reaper.TimeMap2_timeToBeats(0, time)
  return beats < ON_LINE_BEATS or in_measure - beats < ON_LINE_BEATS
end

local function remove(time)
  local there = Bars.at(time)
  if there then reaper.DeleteTempoTimeSigMarker(0, there.index) end
end

-- Inserts a point whose signature cuts the bar before it short; false where this REAPER cannot do that.
local function insert_partial(point)
  if not reaper.GetSetTempoTimeSigMarkerFlag then return false end
  write(-1, point, 0, 0)
  local there = Bars.at(point.time)
  if there then
    reaper.GetSetTempoTimeSigMarkerFlag(0, there.index, PARTIAL, true)
    write(there.index, point, point.num, point.den)
    local got = Bars.at(point.time)
    if got and got.num == point.num and got.den == point.den and Bars.is_line(point.time) then return true end
  end
  -- what REAPER made of it stands somewhere else: take it away
  for _, got in ipairs(Bars.read_all()) do
    if got.bpm == point.bpm and math.abs(got.time - point.time) < 60 and got.num == point.num then remove(got.time) break end
  end
  remove(point.time)
  return false
end

-- The bar to change so that `time` becomes a line: its first second, and the points that start bars swallowed by it.
local function bar_before(time, points)
  local _, measure = reaper.TimeMap2_timeToBeats(0, time)
  local _, first_qn = reaper.TimeMap_GetMeasureInfo(0, measure)
  local first, swallowed = reaper.TimeMap2_QNToTime(0, first_qn), {}
  while time - first < SHORTEST_BAR_S and measure > 0 do
    for _, point in ipairs(points) do
      if math.abs(point.time - first) < EXACT_S and point.num > 0 then swallowed[#swallowed + 1] = point end
    end
    measure = measure - 1
    _, first_qn = reaper.TimeMap_GetMeasureInfo(0, measure)
    first = reaper.TimeMap2_QNToTime(0, first_qn)
  end
  return first, swallowed
end

-- Start and length of the longest stretch without a point between `first` and `time`.
local function longest_gap(first, time, points)
  local edges = { first }
  for _, point in ipairs(points) do
    if point.time > first + SAME_S and point.time < time - SAME_S then edges[#edges + 1] = point.time end
  end
  edges[#edges + 1] = time
  local start, length = first, 0
  for i = 1, #edges - 1 do
    if edges[i + 1] - edges[i] > length then start, length = edges[i], edges[i + 1] - edges[i] end
  end
  return start, length
end

-- Metre and tempo that make a bar of rest + slope * tempo quarter notes whole, near the tempo `wanted`.
local function metre_for(rest, slope, wanted)
  local best
  for _, den in ipairs(NOTES) do
    local middle = math.floor((rest + slope * wanted) * den / 4 + 0.5)
    for num = math.max(1, middle - 1), math.max(1, middle + 1) do
      local bpm = (num * 4 / den - rest) / slope
      local off = bpm >= SLOWEST and bpm <= FASTEST and math.abs(math.log(bpm / wanted))
      if off and num < 256 and (not best or off < best.off) then best = { num = num, den = den, bpm = bpm, off = off } end
    end
    if best and best.off < NEAR then break end
  end
  return best
end

-- Writes these points in place of all from `first` on, in order: a point inserted before others may move them. The one
-- at `first` is changed in place, so that it keeps what scripts of old versions cannot see.
local function rewrite(first, points)
  for i = reaper.CountTempoTimeSigMarkers(0) - 1, 0, -1 do
    local _, time = reaper.GetTempoTimeSigMarker(0, i)
    if time < first + SAME_S then break end
    reaper.DeleteTempoTimeSigMarker(0, i)
  end
  for _, point in ipairs(points) do Bars.put(point) end
end

-- The point that begins the changed bar where the user has none: a glide comes to it and goes on from it.
local function new_head(first, points)
  local _, _, bpm = reaper.TimeMap_GetTimeSigAtTime(0, first)
  local linear = false
  for _, point in ipairs(points) do
    if point.time < first then linear = point.linear end
  end
  return { time = first, bpm = bpm, num = 0, den = 0, linear = linear }
end

local function by_time(a, b) return a.time < b.time end

-- The stretch from `first` to the point at its end, with a new point in its longest gap. Returns all its points, the one
-- in the gap, and the one that begins the stretch if it is new.
local function stretch_with_bend(first, point, points)
  local stretch = {}
  for _, there in ipairs(points) do
    if there.time > first - SAME_S then stretch[#stretch + 1] = there end
  end
  local start, length = longest_gap(first, point.time, stretch)
  local head
  if not stretch[1] or stretch[1].time > first + SAME_S then
    head = new_head(first, points)
    -- where nothing glides and nothing else needs it, the new tempo may begin at the bar line
    if start > first + SAME_S or head.linear then table.insert(stretch, 1, head) else head = nil end
  end
  local taken = false
  for _, there in ipairs(stretch) do taken = taken or math.abs(there.time - start) < SAME_S end
  local bend = { time = taken and start + length / 2 or start, num = 0, den = 0, linear = false }
  stretch[#stretch + 1] = bend
  stretch[#stretch + 1] = { time = point.time, bpm = point.bpm, num = 0, den = 0, linear = point.linear }
  table.sort(stretch, by_time)
  return stretch, bend, head
end

-- Inserts `point`, and gives the bar before it a metre and a tempo that end it there. The user's points keep time and
-- tempo; a signature of theirs that must change is noted in `changed`. Points made are added to `made`.
local function shorten_bar(point, own, made, changed)
  local points = {}
  for _, there in ipairs(Bars.read_all()) do
    if there.time < point.time - SAME_S and not own(there) then points[#points + 1] = there end
  end
  local first, swallowed = bar_before(point.time, points)
  for _, there in ipairs(swallowed) do
    changed[#changed + 1] = { time = there.time, num = there.num, den = there.den }
    there.num, there.den = 0, 0
  end
  local stretch, bend, new = stretch_with_bend(first, point, points)
  local head = stretch[1]
  if new then
    made[#made + 1] = new
  elseif head ~= bend then
    changed[#changed + 1] = { time = first, num = head.num, den = head.den }
  end
  made[#made + 1] = bend
  local function quarters(bpm)
    bend.bpm = bpm
    rewrite(first, stretch)
    return reaper.TimeMap2_timeToQN(0, point.time) - reaper.TimeMap2_timeToQN(0, first)
  end
  local slow, fast = quarters(60), quarters(120)
  local slope = (fast - slow) / 60
  local metre = metre_for(slow - 60 * slope, slope, point.bpm)
  if not metre then error(("no bar line can be made at %.3f s"):format(point.time), 0) end
  quarters(metre.bpm)
  -- only now does a glide before it make it a bar line
  head.num, head.den = metre.num, metre.den
  Bars.put(head)
end

-- Inserts `point`, whose signature begins a bar wherever it stands. own(point) tells points that imports made.
function Bars.insert_line(point, own, made, changed)
  if Bars.is_line(point.time) then return Bars.insert(point) end
  if insert_partial(point) then return end
  shorten_bar(point, own, made, changed)
  Bars.put(point)
end

-- The same behind a cue, whose own bars must not change: one tempo from `earliest` on makes a bar line where that is
-- possible, else the signature is left out. Returns whether it stands.
function Bars.insert_line_after(point, earliest, made)
  if Bars.is_line(point.time) then
    Bars.insert(point)
    return true
  end
  if insert_partial(point) then return true end
  local span = point.time - earliest
  local from = earliest
  if Bars.at(from) then from = from + span / 4 end
  local _, measure = reaper.TimeMap2_timeToBeats(0, point.time)
  local _, first, last = reaper.TimeMap_GetMeasureInfo(0, measure)
  local here, start_qn = reaper.TimeMap2_timeToQN(0, point.time), reaper.TimeMap2_timeToQN(0, from)
  local line = (here - first <= last - here) and first or last
  while 60 * (line - start_qn) / (point.time - from) < SLOWEST do line = line + (last - first) end
  local bpm = 60 * (line - start_qn) / (point.time - from)
  if bpm > FASTEST then
    write(-1, point, 0, 0)
    return false
  end
  local bend = { time = from, bpm = bpm, num = 0, den = 0, linear = false }
  Bars.insert(bend)
  made[#made + 1] = bend
  Bars.insert(point)
  return true
end

return Bars
