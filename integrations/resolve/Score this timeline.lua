-- v2m-bridge menu entry. Score this timeline: sends the current timeline to v2m-bridge, shows the outcome as a marker.
-- Uses only what menu scripts have in every edition: no io, no require, no print, no window.
-- It never switches the page or the timeline, never touches in and out points or render settings, and deletes nothing
-- but its own markers and its own preview sounds.
-- One text, several entries: "v2m-bridge install resolve" fills in the mode and the rest.
local STAMP = { version = "", inbox = "", outbox = "", previews = "", mode = "score", markers = false, preview = false }

local PREFIX, STATUS, CHORD = "v2m:", "v2m:status", "v2m:chord"
local TRACK, BIN = "v2m preview", "v2m-bridge"
local FIRST_ANSWER_S, PATIENCE_S, REFUSED_S, RETURN_S, POLL_S = 12, 3600, 120, 60, 0.5
local NAME_CHARS, PATH_CHARS = 48, 240 -- Windows refuses paths above 259 characters
local COLOUR = { queued = "Yellow", running = "Yellow", done = "Green", failed = "Red", cancelled = "Sand" }
local ENDED = { done = true, failed = true, cancelled = true }
local MOODS = { "as the picture asks", "exciting", "fearful", "tense", "sad", "relaxing", "neutral" }

-- The result of object:method(...), or nil when there is no such object or method, or it refused.
local function ask(object, method, ...)
  if not object then return nil end
  local found, call = pcall(function() return object[method] end)
  if not found or not call then return nil end
  local worked, result = pcall(call, object, ...)
  if worked and result ~= false then return result end
  return nil
end

-- Letters and digits stay, every other byte becomes -XX; the result has at most `limit` characters.
local function encoded(value, limit)
  local out = ""
  for i = 1, #value do
    local c = value:sub(i, i)
    if not c:find("[A-Za-z0-9]") then c = string.format("-%02X", c:byte()) end
    if #out + #c > limit then break end
    out = out .. c
  end
  return out
end

local resolve = resolve or ask(app or fusion or fu, "GetResolve")

-- Where a message goes when no marker can be set: the preferences file, which the daemon and "v2m-bridge doctor" read.
local function notice(text)
  local host = fusion or fu or app
  ask(host, "SetPrefs", "Global.V2MBridge.Notice", os.time() .. " " .. text:gsub("[^ -~]", "?"):gsub('[\\"]', "'"))
  ask(host, "SavePrefs")
  if print then print("v2m-bridge: " .. text) end
end

-- The items of a list that Resolve gave (it carries keys of its own beside them); an empty one where it gave none.
local function list(value)
  local found = {}
  for _, item in ipairs(type(value) == "table" and value or {}) do found[#found + 1] = item end
  return found
end

-- Removes our markers of one kind.
local function unmark(timeline, kind)
  for frame, marker in pairs(ask(timeline, "GetMarkers") or {}) do
    if type(marker) == "table" and marker.customData == kind then ask(timeline, "DeleteMarkerAtFrame", frame) end
  end
end

-- Shows text as our one marker at `frame`, or at the next free frame; frames count from the timeline's start.
local function mark(timeline, frame, colour, title, text)
  unmark(timeline, STATUS)
  for offset = 0, 100 do
    if ask(timeline, "AddMarker", frame + offset, colour, title, text, 1, STATUS) then
      if print then print(title .. ". " .. text) end
      return true
    end
  end
  return false
end

-- As mark; where that fails the message goes to the preferences file. Returns whether the marker is there.
local function tell(timeline, frame, colour, title, text)
  local marked = mark(timeline, frame, colour, title, text)
  if not marked then notice(title:gsub("^v2m: ", "") .. ". " .. text) end
  return marked
end

-- Whether Resolve answers at all; it refuses everything while a dialog is open or the project is closed.
local function is_talking(timeline) return ask(timeline, "GetName") ~= nil end

local function has_clips(timeline)
  local tracks = tonumber(ask(timeline, "GetTrackCount", "video"))
  for track = 1, tracks or 0 do
    local items = ask(timeline, "GetItemListInTrack", "video", track)
    if type(items) ~= "table" or items[1] ~= nil then return true end -- a refusal is not an empty track
  end
  return tracks == nil
end

-- In and out point counted from the timeline's start. Picture and sound may have points of their own: the picture's
-- count, then the sound's, unless the two together are no range.
local function marks(timeline)
  local set = ask(timeline, "GetMarkInOut")
  local video, audio = (set or {}).video or {}, (set or {}).audio or {}
  local first, last = tonumber(video["in"] or audio["in"]), tonumber(video["out"] or audio["out"])
  if first and last and last < first then first, last = tonumber(video["in"]), tonumber(video["out"]) end
  return first, last
end

-- First and last frame of the clips that are selected, counted from the timeline's start.
local function selection(timeline)
  local first, last
  local start = tonumber(ask(timeline, "GetStartFrame")) or 0
  for _, item in ipairs(list(ask(timeline, "GetSelectedClips"))) do
    local from, length = tonumber(ask(item, "GetStart")), tonumber(ask(item, "GetDuration"))
    if from and length and length > 0 then
      first = math.min(first or from - start, from - start)
      last = math.max(last or 0, from + length - 1 - start)
    end
  end
  return first, last
end

-- The range that this entry scores: first and last frame, nil for an open side; or a title and a remedy.
local function range(timeline)
  local first, last
  if STAMP.mode == "selected" then
    first, last = selection(timeline)
    if first then return first, last end
    return nil, nil, "v2m: no clip is selected", "Select clips of the timeline, then try again. "
      .. "Versions before 21 do not tell scripts what is selected: set in and out points there."
  end
  first, last = marks(timeline)
  if STAMP.mode == "range" and not first and not last then
    return nil, nil, "v2m: no range", "Set an in and an out point, then try again. "
      .. "Versions before 20 do not tell scripts where they are."
  end
  return first, last
end

local function setting(timeline, project, key)
  for _, object in ipairs({ timeline, project }) do
    local value = ask(object, "GetSetting", key)
    if value == nil or value == "" then value = (ask(object, "GetSettings") or {})[key] end
    if value ~= nil and value ~= "" then return tostring(value) end
  end
  return ""
end

local function drops_frames(timeline, project, rate)
  if rate:upper():find("DF") and not rate:upper():find("NDF") then return true end
  if (ask(timeline, "GetStartTimecode") or ""):find(";") then return true end
  return setting(timeline, project, "timelineDropFrameTimecode") == "1"
end

local function new_request()
  local seed = (bmd.createuuid and tostring(bmd.createuuid()) or tostring({})):gsub("[^A-Za-z0-9]", "")
  return string.format("%x", os.time()) .. seed:sub(-8):lower()
end

local function pref(key) return tostring(ask(fusion or fu or app, "GetPrefs", "Global.V2MBridge." .. key) or "") end

-- Mood, tempo and cue number of this press: asked for where there is a dialog (the Fusion page of Studio), else those
-- used last. Nil when the dialog was closed.
local function choices()
  local host = fusion or fu or app
  local chosen = { Mood = pref("Mood"), Tempo = pref("Tempo"), Cue = pref("Cue") }
  local studio = tostring(ask(resolve, "GetProductName") or ""):find("Studio")
  local comp = studio and ask(resolve, "GetCurrentPage") == "fusion" and ask(host, "GetCurrentComp")
  if not comp then return chosen end
  local default = 0
  for index, mood in ipairs(MOODS) do
    if mood == chosen.Mood then default = index - 1 end
  end
  local given = ask(comp, "AskUser", "Score this timeline", {
    { "Mood", "Dropdown", Name = "Mood", Options = MOODS, Default = default },
    { "Tempo", "Text", Name = "Tempo in BPM, or empty", Lines = 1, Default = chosen.Tempo },
    { "Cue", "Text", Name = "Cue number", Lines = 1, Default = chosen.Cue },
  })
  if type(given) ~= "table" then return nil end
  local mood = tonumber(given.Mood) or 0
  chosen = { Mood = mood > 0 and MOODS[mood + 1] or "", Tempo = tostring(given.Tempo or ""), Cue = tostring(given.Cue or "") }
  for key, value in pairs(chosen) do ask(host, "SetPrefs", "Global.V2MBridge." .. key, value) end
  ask(host, "SavePrefs")
  return chosen
end

-- The file name carries everything that the edit does not hold: Resolve writes both in one step.
local function file_name(request, project, timeline, first, last, chosen, suffix)
  local rate = setting(timeline, project, "timelineFrameRate")
  local fields = { "v2m1", request, "r" .. encoded(rate, 30) }
  fields[#fields + 1] = "d" .. (drops_frames(timeline, project, rate) and 1 or 0)
  fields[#fields + 1] = "s" .. string.format("%d", tonumber(ask(timeline, "GetStartFrame")) or 0):gsub("-", "-2D")
  if first then fields[#fields + 1] = "i" .. string.format("%d", first) end
  if last then fields[#fields + 1] = "o" .. string.format("%d", last) end
  if STAMP.preview then fields[#fields + 1] = "w1" end
  for letter, value in pairs({ m = chosen.Mood, b = chosen.Tempo, c = chosen.Cue }) do
    if value ~= "" then fields[#fields + 1] = letter .. encoded(value, 24) end
  end
  local start = table.concat(fields, "_")
  local id = "_t" .. encoded(tostring(ask(timeline, "GetUniqueId") or ""), NAME_CHARS + 12)
  local left = math.max(0, math.min(2 * NAME_CHARS, PATH_CHARS - #STAMP.inbox - #start - #id - #"_n_p" - #suffix))
  local title = "_n" .. encoded(tostring(ask(timeline, "GetName") or ""), math.floor(left / 2))
  local film = "_p" .. encoded(tostring(ask(project, "GetName") or ""), math.ceil(left / 2))
  return start .. title .. id .. film .. suffix
end

local function answer(request)
  local chunk = loadfile(STAMP.outbox .. request .. ".lua")
  if not chunk then return nil end
  local worked, value = pcall(setfenv(chunk, {}))
  if worked and type(value) == "table" then return value end
  return nil
end

--> preview.lua

-- Writes chord and hit markers in the place of those of an earlier score; returns a sentence on how it went.
local function write_markers(timeline, lines)
  unmark(timeline, STATUS)
  unmark(timeline, CHORD)
  local start, wanted, written = tonumber(ask(timeline, "GetStartFrame")) or 0, 0, 0
  for frame, colour, title in lines:gmatch("(%-?%d+) (%a+) ([^\n]*)\n") do
    wanted = wanted + 1
    ask(timeline, "AddMarker", tonumber(frame) - start, colour, title, "Written by v2m-bridge", 1, CHORD)
  end
  for _, marker in pairs(ask(timeline, "GetMarkers") or {}) do
    if type(marker) == "table" and marker.customData == CHORD then written = written + 1 end
  end
  local text = written .. " chord and hit markers written"
  if written < wanted then text = text .. "; " .. wanted - written .. " left out where your own markers are" end
  return text .. "."
end

-- Brings the score back as it was chosen when the entry was installed; returns sentences on how it went.
local function bring_back(project, timeline, frame, reply)
  local told = { reply.text }
  if STAMP.markers and reply.markers then told[#told + 1] = write_markers(timeline, reply.markers) end
  if STAMP.preview then
    mark(timeline, frame, "Yellow", "v2m: bringing the preview", "The score is ready.")
    local worked, text = pcall(place_preview, project, timeline, reply)
    told[#told + 1] = worked and text or "The preview was not placed: " .. tostring(text) .. "."
  end
  return table.concat(told, " ")
end

-- Whether the editor deleted our marker, which is how he cancels.
local function marker_is_gone(timeline)
  if not is_talking(timeline) then return false end
  for _, marker in pairs(ask(timeline, "GetMarkers") or {}) do
    if type(marker) == "table" and marker.customData == STATUS then return false end
  end
  return is_talking(timeline)
end

-- Follows the request to its end; `marked`: our marker is on the timeline, `cancel`: gives the request up.
local function wait_for_answer(project, timeline, frame, request, marked, cancel)
  local started, state, shown, refused, gone, brought = os.time(), "sent", "", 0, 0, nil
  while os.time() - started < PATIENCE_S do
    local reply = answer(request)
    local title, text = reply and (reply.title or PREFIX .. " " .. tostring(reply.state)), reply and reply.text or ""
    gone = marked and marker_is_gone(timeline) and gone + 1 or 0
    if gone >= 2 and not (reply and ENDED[reply.state]) then
      cancel()
      return tell(timeline, frame, "Sand", "v2m: cancelled", "You deleted the marker. Score the timeline again any time.")
    end
    if reply and (reply.state ~= state or title ~= shown) then
      if reply.state == "done" and not brought and is_talking(timeline) then
        brought = bring_back(project, timeline, frame, reply)
      end
      text = brought or text
      marked = mark(timeline, frame, COLOUR[reply.state] or "Yellow", title, text)
      if marked then
        state, shown, refused = reply.state, title, 0
      else
        refused = refused + 1
        if refused * POLL_S > REFUSED_S then return notice(title:gsub("^v2m: ", "") .. ". " .. text) end
      end
    end
    if ENDED[state] then return end
    if state == "sent" and os.time() - started >= FIRST_ANSWER_S then
      state = "unanswered"
      marked = tell(timeline, frame, "Red", "v2m: no answer yet", "v2m-bridge is not running. "
        .. "Start it (v2m-bridge serve): the timeline waits in its inbox and will be scored.")
    end
    bmd.wait(POLL_S)
  end
  tell(timeline, frame, "Sand", "v2m: still working", "The score is not ready yet. v2m-bridge shows its progress.")
end

-- What Resolve exports the edit as, and the suffix; before 18.5 there is no OpenTimelineIO.
local function export_kind()
  if resolve.EXPORT_OTIO then return resolve.EXPORT_OTIO, ".otio" end
  if resolve.EXPORT_FCP_7_XML then return resolve.EXPORT_FCP_7_XML, ".xml" end
end

-- Why this timeline cannot be scored: a title and a remedy, or nil.
local function obstacle(timeline)
  if not has_clips(timeline) then
    return "v2m: nothing to score", "This timeline has no video clips. Add some, then try again."
  elseif STAMP.inbox == "" then
    return "v2m: not set up", "Run: v2m-bridge install resolve"
  elseif not export_kind() then
    return "v2m: Resolve is too old", "It exports neither OpenTimelineIO (18.5 and later) nor Final Cut Pro 7 XML."
  end
end

local function send(project, timeline, frame, first, last)
  local title, remedy = obstacle(timeline)
  if title then return tell(timeline, frame, "Red", title, remedy) end
  local chosen = choices()
  if not chosen then return end -- the dialog was closed
  local request = new_request()
  local kind, suffix = export_kind()
  local path = STAMP.inbox .. file_name(request, project, timeline, first, last, chosen, suffix)
  unmark(timeline, STATUS) -- otherwise our own marker would be exported with the edit
  local exported = ask(timeline, "Export", path, kind, resolve.EXPORT_NONE)
  local gone = bmd.direxists and not bmd.direxists(STAMP.inbox:sub(1, -2)) -- Windows wants no separator at the end
  if not exported and gone then
    return tell(timeline, frame, "Red", "v2m: inbox missing",
      "The folder " .. STAMP.inbox .. " is gone. Run: v2m-bridge install resolve")
  elseif not exported or bmd.fileexists and not (bmd.fileexists(path) or answer(request)) then
    return tell(timeline, frame, "Red", "v2m: export refused", "Resolve did not export the timeline. Close any open "
      .. "dialog and try again, or use File > Export > Timeline (OTIO) into " .. STAMP.inbox)
  end
  local marked = tell(timeline, frame, "Yellow", "v2m: sent", "Waiting for v2m-bridge. Delete this marker to cancel.")
  wait_for_answer(project, timeline, frame, request, marked, function()
    ask(timeline, "Export", STAMP.inbox .. "v2m1_" .. request .. "_x1" .. suffix, kind, resolve.EXPORT_NONE)
  end)
end

-- Takes our markers and previews off the timeline and out of our bin.
local function remove(project, timeline)
  unmark(timeline, STATUS)
  unmark(timeline, CHORD)
  local pool = ask(project, "GetMediaPool")
  local bin = bin_of(pool)
  local sounding, left = silence_all(timeline, bin, nil)
  tidy_bin(project, pool, bin, nil)
  if left == 0 then return notice("The markers and previews of v2m-bridge are removed.") end
  local text = "Clips can only be deleted on the Edit page, and not on locked tracks or where they are linked. "
    .. "Choose this entry again there."
  if #sounding > 0 then text = text .. " A preview still sounds on " .. table.concat(sounding, ", ") .. "." end
  tell(timeline, 0, "Sand", "v2m: " .. left .. " previews remain", text)
end

local function work(project, timeline)
  if STAMP.mode == "remove" then return remove(project, timeline) end
  local first, last, title, remedy = range(timeline)
  if title then return tell(timeline, 0, "Red", title, remedy) end
  send(project, timeline, first or 0, first, last)
end

local function main()
  local project = ask(ask(resolve, "GetProjectManager"), "GetCurrentProject")
  if not project then
    return notice("No project is open, or a dialog of Resolve waits for an answer. "
      .. "Open a project with a timeline, then choose Score this timeline again.")
  end
  local timeline = ask(project, "GetCurrentTimeline")
  if not timeline then
    return notice("No timeline is open. Open the timeline you want scored, then choose Score this timeline again.")
  end
  local worked, problem = pcall(work, project, timeline)
  if not worked then tell(timeline, 0, "Red", "v2m: something went wrong", tostring(problem)) end
end

local worked, problem = pcall(main)
if not worked then pcall(notice, "The script stopped: " .. tostring(problem)) end
