-- @noindex
-- MIDI items of ours: their events, the checksum that shows whether somebody edited them, and how new ones are laid
-- between those that the user keeps.

local Midi = {}

local MARKER_TEXT = 6
-- Flag of a controller from which the curve goes straight to the next one; pedals jump.
local LINEAR_CURVE = 16
local FIRST_PEDAL, LAST_PEDAL = 64, 69
local OVERLAP_S = 1e-3

-- One note start, note end or controller as text; nil for everything else. A note-on of velocity 0 ends a note.
local function event_text(tick, message)
  local status, first, second = message:byte(1, 3)
  local kind = (status or 0) & 0xF0
  if kind == 0x90 and second == 0 then kind = 0x80 end
  if kind == 0x80 then return ("%d:%x:%d"):format(tick, 0x80 | status & 15, first) end
  if kind == 0x90 or kind == 0xA0 or kind == 0xB0 then return ("%d:%x:%d:%d"):format(tick, status, first, second) end
end

-- A checksum of all notes and controllers of a take, which shows whether the user edited them. Their order within a
-- tick is free, and editors change it. Selection, mutes and curve shapes are left out.
function Midi.fingerprint(take)
  local _, buffer = reaper.MIDI_GetAllEvts(take)
  local at, tick, found = 1, 0, {}
  while at <= #buffer do
    local delta, _, message, after = string.unpack("<i4Bs4", buffer, at)
    tick, at = tick + delta, after
    -- the last event is REAPER's own and ends the source
    if after <= #buffer then found[#found + 1] = event_text(tick, message) end
  end
  table.sort(found)
  local sum = 0
  for _, text in ipairs(found) do
    for i = 1, #text do sum = (sum * 31 + text:byte(i)) % 2147483647 end
  end
  return #found .. ":" .. sum
end

-- Order of events at one tick: note ends, then everything else, then note starts.
local function packed(events, last)
  table.sort(events, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    if a[2] ~= b[2] then return a[2] < b[2] end
    return a[4] < b[4]
  end)
  local parts, before = {}, 0
  for i, event in ipairs(events) do
    parts[i] = string.pack("<i4Bs4", event[1] - before, event[5] or 0, event[3])
    before = event[1]
  end
  parts[#parts + 1] = string.pack("<i4Bs4", math.max(0, last - before), 0, string.char(0xB0, 0x7B, 0))
  return table.concat(parts)
end

-- Instruments listen to channel 1, and a program change would switch their presets: neither is taken from the job.
local function events_of(midi, tick)
  local events = {}
  local function add(at, rank, message, flags) events[#events + 1] = { at, rank, message, #events, flags } end
  for _, text in ipairs(midi.texts) do add(tick(text[1]), 1, string.char(0xFF, MARKER_TEXT) .. text[2]) end
  for _, control in ipairs(midi.controls) do
    local pedal = control[2] >= FIRST_PEDAL and control[2] <= LAST_PEDAL
    add(tick(control[1]), 1, string.char(0xB0, control[2], control[3]), pedal and 0 or LINEAR_CURVE)
  end
  for _, note in ipairs(midi.notes) do
    local start = tick(note[1])
    add(start, 2, string.char(0x90, note[3], note[4]))
    add(math.max(start + 1, tick(note[1] + note[2])), 0, string.char(0x80, note[3], 0))
  end
  return events
end

-- Beat at which the item ends: its notes may ring on behind its section.
local function last_beat(midi)
  local last = midi.last
  for _, note in ipairs(midi.notes) do last = math.max(last, note[1] + note[2]) end
  return last
end

-- What of a section lies in [first, last) of the project's seconds, with the controllers in force at its start. Notes
-- end where the stretch ends if something of the user's follows there.
local function cut_out(map, midi, stretch)
  local piece = { name = midi.name, notes = {}, controls = {}, texts = {} }
  piece.first, piece.last = map.beat(stretch.first), map.beat(stretch.last)
  local function inside(beat)
    local at = map.seconds(beat)
    return at >= stretch.first - OVERLAP_S and at < stretch.last - OVERLAP_S
  end
  for _, note in ipairs(midi.notes) do
    if inside(note[1]) then
      local length = stretch.meets_kept and math.min(note[2], piece.last - note[1]) or note[2]
      piece.notes[#piece.notes + 1] = { note[1], length, note[3], note[4] }
    end
  end
  for _, text in ipairs(midi.texts) do
    if inside(text[1]) then piece.texts[#piece.texts + 1] = text end
  end
  local before = {}
  for _, control in ipairs(midi.controls) do
    if inside(control[1]) then
      piece.controls[#piece.controls + 1] = control
    elseif map.seconds(control[1]) < stretch.first then
      before[control[2]] = control
    end
  end
  for number, control in pairs(before) do table.insert(piece.controls, { piece.first, number, control[3] }) end
  table.sort(piece.controls, function(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end)
  return piece
end

-- The stretches of [first, last) that none of the spans covers, in order.
local function free_stretches(first, last, spans)
  local free, at = {}, first
  for _, span in ipairs(spans) do
    if span.last > at + OVERLAP_S and span.first < last - OVERLAP_S then
      if span.first > at + OVERLAP_S then free[#free + 1] = { first = at, last = span.first, meets_kept = true } end
      at = span.last
    end
  end
  if last > at + OVERLAP_S then free[#free + 1] = { first = at, last = last, meets_kept = false } end
  return free
end

-- The pieces of a section that are to be laid: all of it, or what the kept spans leave free of it.
function Midi.pieces(map, midi, spans)
  local first, last = map.seconds(midi.first), map.seconds(midi.last)
  local free, pieces = free_stretches(first, last, spans), {}
  if #free == 1 and free[1].first == first and free[1].last == last then return { midi } end
  for _, stretch in ipairs(free) do
    local piece = cut_out(map, midi, stretch)
    if #piece.notes > 0 or #piece.texts > 0 then pieces[#pieces + 1] = piece end
  end
  return pieces
end

-- Makes the item on the track; returns it, its take, and by how many seconds it rings on behind its section.
function Midi.lay(map, track, midi, title)
  local first, last = map.qn(midi.first), map.qn(last_beat(midi))
  local item = reaper.CreateNewMIDIItemInProj(track, first, last, true)
  local take = reaper.GetActiveTake(item)
  reaper.GetSetMediaItemTakeInfo_String(take, "P_NAME", midi.name, true)
  local origin = reaper.MIDI_GetPPQPosFromProjQN(take, first)
  local ppq = reaper.MIDI_GetPPQPosFromProjQN(take, first + 1) - origin
  local function tick(beat) return math.max(0, math.floor(origin + (map.qn(beat) - first) * ppq + 0.5)) end
  if not reaper.MIDI_SetAllEvts(take, packed(events_of(midi, tick), tick(last_beat(midi)))) then
    error("REAPER refused the notes of " .. title, 0)
  end
  reaper.MIDI_Sort(take)
  reaper.SetMediaItemInfo_Value(item, "B_LOOPSRC", 0)
  local _, notes, controls, texts = reaper.MIDI_CountEvts(take)
  if notes ~= #midi.notes or texts ~= #midi.texts then
    error(("%s has %d notes after writing %d"):format(title, notes, #midi.notes), 0)
  end
  return item, take, map.seconds(last_beat(midi)) - map.seconds(midi.last)
end

return Midi
