-- @noindex
-- Reads a .v2m job (docs/job-format.md) line by line. Refuses what is truncated, newer or damaged, before anything
-- in the project is touched. Nothing in a job is ever executed.

local Job = {}

Job.VERSION = 1

-- Fields after the record's name: i integer, f number, s text, b 0/1, c colour RRGGBB.
local FIELDS = {
  ["v2m-job"] = "i", score = "sss", rate = "iib", start = "isf", length = "ff", import = "sb", tempo = "fffiib", marker = "fscs",
  region = "ffcs", track = "sscs", video = "ffffss", chord = "ffs", item = "ffiis", text = "fs", cc = "fii",
  note = "ffii", warning = "s", ["end"] = "i",
}

-- Records at the top level come in this order; the others belong to the track or item before them.
local PLACE = {
  ["v2m-job"] = 1, score = 2, rate = 3, start = 4, length = 5, import = 6, tempo = 7, marker = 8, region = 9,
  track = 10, warning = 11, ["end"] = 12,
}
local ONCE = { ["v2m-job"] = true, score = true, rate = true, start = true, length = true, import = true, region = true,
  ["end"] = true }
local REQUIRED = { "score", "rate", "start", "length", "tempo", "region" }
local HOLDS = { video = "video", chord = "chords", item = "part" }
-- What an import may be limited to.
local THINGS = { tempo = true, markers = true, chords = true, parts = true }
local KINDS = { video = true, chords = true, part = true }
local UNESCAPED = { ["\\\\"] = "\\", ["\\t"] = "\t", ["\\n"] = "\n", ["\\r"] = "\r" }

local function number(text)
  local mantissa, exponent = text:match("^(%-?%d+%.?%d*)(.*)$")
  local plain = mantissa and mantissa:match("%d$") and (exponent == "" or exponent:match("^e[+-]?%d+$"))
  local value = plain and tonumber(text)
  if not value or value ~= value or value == math.huge or value == -math.huge then return nil end
  return value + 0.0
end

local function text_field(text)
  local good = true
  local plain = text:gsub("\\.?", function(escape)
    if not UNESCAPED[escape] then good = false end
    return UNESCAPED[escape]
  end)
  return good and plain or nil
end

local PARSERS = {
  i = function(text) return text:match("^%-?%d+$") and #text < 17 and math.tointeger(tonumber(text)) or nil end,
  f = number,
  s = text_field,
  b = function(text) if text == "0" or text == "1" then return text == "1" end end,
  c = function(text) return text:match("^[0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F]$") and tonumber(text, 16) end,
}

local function split(line)
  local fields = {}
  for field in (line .. "\t"):gmatch("(.-)\t") do fields[#fields + 1] = field end
  return fields
end

local function parse(line, count)
  local fields = split(line)
  local kind = fields[1]
  local types = FIELDS[kind]
  if not types then error(("line %d: unknown record %q"):format(count, kind:sub(1, 40)), 0) end
  if #fields - 1 ~= #types then
    error(("line %d: %s has %d fields instead of %d"):format(count, kind, #fields - 1, #types), 0)
  end
  local values = {}
  for i = 1, #types do
    local value = PARSERS[types:sub(i, i)](fields[i + 1])
    if value == nil then error(("line %d: %s: bad field %d %q"):format(count, kind, i, fields[i + 1]:sub(1, 40)), 0) end
    values[i] = value
  end
  return kind, values
end

local BUILD = {}

BUILD["v2m-job"] = function() end
BUILD["end"] = function() end
function BUILD.score(job, v) job.id, job.title, job.writer = v[1], v[2], v[3] end
function BUILD.rate(job, v)
  if v[1] <= 0 or v[2] <= 0 then error("the frame rate is not positive", 0) end
  job.rate, job.drop = v[1] / v[2], v[3]
end
function BUILD.start(job, v) job.start_frame, job.timecode, job.offset = v[1], v[2], v[3] end
function BUILD.length(job, v) job.duration, job.end_beat = v[1], v[2] end
function BUILD.import(job, v)
  for word in (v[1] .. " "):gmatch("(.-) ") do
    if not THINGS[word] then error("import of unknown things " .. v[1]:sub(1, 40), 0) end
  end
  job.only, job.take_new = v[1], v[2]
end
function BUILD.tempo(job, v)
  job.tempo[#job.tempo + 1] = { seconds = v[1], beat = v[2], bpm = v[3], num = v[4], den = v[5], linear = v[6] }
end
function BUILD.marker(job, v) job.markers[#job.markers + 1] = { seconds = v[1], color = v[3], name = v[4] } end
function BUILD.region(job, v) job.region = { first = v[1], last = v[2], color = v[3], name = v[4] } end
function BUILD.track(job, v)
  if not KINDS[v[2]] then error("track of unknown kind " .. v[2], 0) end
  job.tracks[#job.tracks + 1] = { key = v[1], kind = v[2], color = v[3], name = v[4], videos = {}, chords = {}, items = {} }
end
function BUILD.warning(job, v) job.warnings[#job.warnings + 1] = v[1] end
function BUILD.video(job, v, track)
  track.videos[#track.videos + 1] =
    { first = v[1], length = v[2], source = v[3], speed = v[4], path = v[5], name = v[6] }
end
function BUILD.chord(job, v, track) track.chords[#track.chords + 1] = { first = v[1], last = v[2], symbol = v[3] } end
function BUILD.item(job, v, track)
  track.items[#track.items + 1] =
    { first = v[1], last = v[2], channel = v[3], program = v[4], name = v[5], notes = {}, controls = {}, texts = {} }
end
local function append(list)
  return function(job, v, track)
    local values = track.items[#track.items][list]
    values[#values + 1] = v
  end
end
BUILD.text, BUILD.cc, BUILD.note = append("texts"), append("controls"), append("notes")

local function check_place(state, kind, count)
  local track = state.job.tracks[#state.job.tracks]
  local place = PLACE[kind]
  if place then
    if place < state.place or (ONCE[kind] and state.seen[kind]) then
      error(("line %d: %s stands in the wrong place"):format(count, kind), 0)
    end
    state.place = place
  elseif state.place ~= PLACE.track then
    error(("line %d: %s stands outside a track"):format(count, kind), 0)
  elseif HOLDS[kind] then
    if track.kind ~= HOLDS[kind] then
      error(("line %d: %s does not belong on this track"):format(count, kind), 0)
    end
  elseif #track.items == 0 then
    error(("line %d: %s stands outside an item"):format(count, kind), 0)
  end
  state.seen[kind] = true
  return track
end

local function check_whole(file)
  local size = file:seek("end")
  if size < 2 then error("the file is empty", 0) end
  file:seek("end", -1)
  if file:read(1) ~= "\n" then error("the file is cut short", 0) end
  file:seek("set")
end

local function read_lines(file)
  check_whole(file)
  local job = { tempo = {}, markers = {}, tracks = {}, warnings = {} }
  local state = { job = job, place = 0, seen = {} }
  local count, closing = 0, nil
  for line in file:lines() do
    count = count + 1
    if count == 1 then
      local version = line:match("^v2m%-job\t(%d+)$")
      if not version then error("this is not a v2m job", 0) end
      if tonumber(version) ~= Job.VERSION then
        error(("the job has version %s, this script reads %d: update the scripts"):format(version, Job.VERSION), 0)
      end
    end
    if closing then error("records after the end", 0) end
    local kind, values = parse(line, count)
    local track = check_place(state, kind, count)
    BUILD[kind](job, values, track)
    if kind == "end" then closing = values[1] end
  end
  if not closing then error("the file is cut short", 0) end
  if closing ~= count - 1 then
    error(("the file ends with a count of %d records, but has %d"):format(closing, count - 1), 0)
  end
  for _, kind in ipairs(REQUIRED) do
    if not state.seen[kind] then error("the job has no " .. kind .. " record", 0) end
  end
  return job
end

-- The job at path, or nil and what is wrong with it.
function Job.read(path)
  local file, problem = io.open(path, "rb")
  if not file then return nil, "cannot open " .. tostring(problem) end
  local good, result = pcall(read_lines, file)
  file:close()
  if not good then return nil, tostring(result) end
  return result
end

return Job
