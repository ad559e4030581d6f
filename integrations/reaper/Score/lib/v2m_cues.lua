-- @noindex
-- What earlier imports made in this project, kept in the project itself: per cue its range, its tempo points and its
-- markers. Tracks and items carry their own tags (P_EXT:v2m), tempo points and markers cannot.

local Cues = {}

local SECTION = "v2m"
local CHUNK = 8000

local function encode(text)
  return (text:gsub("[^%w%-%._{}]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function decode(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function get(key)
  local _, value = reaper.GetProjExtState(0, SECTION, key)
  return value
end

local function set(key, value) reaper.SetProjExtState(0, SECTION, key, value) end

-- Long values are stored in pieces: some versions cut long values when scripts read them.
local function get_long(key)
  local parts = {}
  for i = 1, tonumber(get(key)) or 0 do parts[i] = get(key .. "." .. i) end
  return table.concat(parts)
end

-- The count is written before the pieces and deleted after them, so that an interrupted save can be cleaned up.
local function set_long(key, value)
  local before = tonumber(get(key)) or 0
  local count = math.ceil(#value / CHUNK)
  if count > 0 then set(key, tostring(math.max(count, before))) end
  for i = 1, count do set(key .. "." .. i, value:sub((i - 1) * CHUNK + 1, i * CHUNK)) end
  for i = count + 1, before do set(key .. "." .. i, "") end
  set(key, count > 0 and tostring(count) or "")
end

-- A number as text with all its digits; a computer set to decimal commas would write one, which separates fields here.
function Cues.number(value) return (("%.17g"):format(value):gsub(",", ".")) end

local function write_made(parts, made, point_mark, marker_mark)
  for _, point in ipairs(made.points) do
    parts[#parts + 1] = ("%s,%s,%s"):format(point_mark, Cues.number(point.time), Cues.number(point.bpm))
  end
  for _, marker in ipairs(made.markers) do
    parts[#parts + 1] = ("%s,%s,%s"):format(marker_mark, marker.id, encode(marker.name))
  end
end

local function write_cue(cue)
  local parts =
    { ("%s,%s,%s,%s"):format(cue.id, Cues.number(cue.first), Cues.number(cue.last), encode(cue.title)) }
  local opening = cue.opening
  -- none where only markers, chords or parts were imported
  if opening then parts[#parts + 1] = ("o,%s,%d/%d"):format(Cues.number(opening.bpm), opening.num, opening.den) end
  for _, metre in ipairs(cue.metres) do
    parts[#parts + 1] = ("s,%s,%d/%d"):format(Cues.number(metre.time), metre.num, metre.den)
  end
  write_made(parts, cue, "t", "m")
  -- undo may bring back what the import before made without its record: keep that record as well
  write_made(parts, cue.past, "pt", "pm")
  return table.concat(parts, ";")
end

local function read_made(cue, kind, first, second)
  local made = kind:match("^p") and cue.past or cue
  local num, den = second:match("^(%d+)/(%d+)$")
  if kind == "o" then
    cue.opening = { time = 0, bpm = tonumber(first), num = tonumber(num), den = tonumber(den), linear = false }
  elseif kind == "s" then
    cue.metres[#cue.metres + 1] = { time = tonumber(first), num = tonumber(num), den = tonumber(den) }
  elseif kind:match("t$") then
    made.points[#made.points + 1] = { time = tonumber(first), bpm = tonumber(second) }
  elseif kind:match("m$") then
    made.markers[#made.markers + 1] = { id = first, name = decode(second) }
  end
end

local function read_cue(text)
  local cue
  for part in text:gmatch("[^;]+") do
    local kind, first, second, third = part:match("^([^,]*),([^,]*),([^,]*),?(.*)$")
    if cue then
      read_made(cue, kind, first, second)
    else
      cue = { id = kind, first = tonumber(first), last = tonumber(second), title = decode(third) }
      cue.metres, cue.points, cue.markers, cue.past = {}, {}, {}, { points = {}, markers = {} }
      if not (cue.first and cue.last) then return nil end
    end
  end
  return cue
end

-- Every recorded cue.
function Cues.load()
  local cues = {}
  for id in get("cues"):gmatch("[^,]+") do
    local cue = read_cue(get_long("cue." .. id))
    if cue then cues[#cues + 1] = cue end
  end
  return cues
end

-- Records exactly these cues and forgets all others.
function Cues.save(cues)
  local kept, ids, before = {}, {}, get("cues")
  for _, cue in ipairs(cues) do
    kept[cue.id], ids[#ids + 1] = true, cue.id
  end
  local gone = {}
  for id in before:gmatch("[^,]+") do
    if not kept[id] then gone[#gone + 1] = id end
  end
  set("cues", table.concat(ids, ",") .. (#gone > 0 and "," .. table.concat(gone, ",") or ""))
  for _, id in ipairs(gone) do set_long("cue." .. id, "") end
  for _, cue in ipairs(cues) do set_long("cue." .. cue.id, write_cue(cue)) end
  set("cues", table.concat(ids, ","))
end

-- Splits cues into those that overlap [first, last) and the others.
function Cues.overlapping(cues, first, last)
  local hit, other = {}, {}
  for _, cue in ipairs(cues) do
    local list = (cue.first < last - 1e-6 and cue.last > first + 1e-6) and hit or other
    list[#list + 1] = cue
  end
  return hit, other
end

-- The smallest number that no cue uses yet.
function Cues.free_id(others)
  local taken = {}
  for _, cue in ipairs(others) do taken[cue.id] = true end
  local id = 1
  while taken[tostring(id)] do id = id + 1 end
  return tostring(id)
end

-- What this project has to remember: the user's answer to a question.
function Cues.remembered(key) return get("answer." .. key) end
function Cues.remember(key, value) set("answer." .. key, value) end

return Cues
