-- v2m-bridge menu entry. Score this timeline: sends the current timeline to v2m-bridge, shows the outcome as a marker.
-- Uses only what menu scripts have in every edition: no io, no require, no print, no window.
-- It never switches the page, never touches in and out points or render settings.
local STAMP = { version = "", inbox = "", outbox = "" } -- filled in by "v2m-bridge install resolve"

local PREFIX, STATUS = "v2m:", "v2m:status"
local FIRST_ANSWER_S, PATIENCE_S, REFUSED_S, POLL_S = 12, 3600, 120, 0.5
local NAME_CHARS, PATH_CHARS = 48, 240 -- Windows refuses paths above 259 characters
local COLOUR = { queued = "Yellow", running = "Yellow", done = "Green", failed = "Red", cancelled = "Sand" }

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

local function unmark(timeline)
  for _ = 1, 20 do
    if not ask(timeline, "DeleteMarkerByCustomData", STATUS) then return end
  end
end

-- Shows text as our one marker at `frame`, or at the next free frame; frames count from the timeline's start.
local function mark(timeline, frame, colour, title, text)
  unmark(timeline)
  for offset = 0, 100 do
    if ask(timeline, "AddMarker", frame + offset, colour, title, text, 1, STATUS) then
      if print then print(title .. ". " .. text) end
      return true
    end
  end
  return false
end

local function tell(timeline, frame, colour, title, text)
  if not mark(timeline, frame, colour, title, text) then notice(title:gsub("^v2m: ", "") .. ". " .. text) end
end

local function has_clips(timeline)
  local tracks = tonumber(ask(timeline, "GetTrackCount", "video"))
  for track = 1, tracks or 0 do
    local items = ask(timeline, "GetItemListInTrack", "video", track)
    if type(items) ~= "table" or items[1] ~= nil then return true end -- a refusal is not an empty track
  end
  return tracks == nil
end

local function marks(timeline)
  local set = ask(timeline, "GetMarkInOut")
  local video = type(set) == "table" and (set.video or set.audio) or {}
  return tonumber(video["in"]), tonumber(video["out"])
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

-- The file name carries everything that the edit does not hold: Resolve writes both in one step.
local function file_name(request, project, timeline, first, last)
  local rate = setting(timeline, project, "timelineFrameRate")
  local fields = { "v2m1", request, "r" .. encoded(rate, 30) }
  fields[#fields + 1] = "d" .. (drops_frames(timeline, project, rate) and 1 or 0)
  fields[#fields + 1] = "s" .. string.format("%d", tonumber(ask(timeline, "GetStartFrame")) or 0):gsub("-", "-2D")
  if first then fields[#fields + 1] = "i" .. string.format("%d", first) end
  if last then fields[#fields + 1] = "o" .. string.format("%d", last) end
  local start = table.concat(fields, "_")
  local id = "_t" .. encoded(tostring(ask(timeline, "GetUniqueId") or ""), NAME_CHARS + 12)
  local left = math.max(0, math.min(2 * NAME_CHARS, PATH_CHARS - #STAMP.inbox - #start - #id - #"_n_p.otio"))
  local title = "_n" .. encoded(tostring(ask(timeline, "GetName") or ""), math.floor(left / 2))
  local film = "_p" .. encoded(tostring(ask(project, "GetName") or ""), math.ceil(left / 2))
  return start .. title .. id .. film .. ".otio"
end

local function answer(request)
  local chunk = loadfile(STAMP.outbox .. request .. ".lua")
  if not chunk then return nil end
  local worked, value = pcall(setfenv(chunk, {}))
  if worked and type(value) == "table" then return value end
  return nil
end

local function wait_for_answer(timeline, frame, request)
  local started, shown, refused = os.time(), "sent", 0
  while os.time() - started < PATIENCE_S do
    local reply = answer(request)
    if reply and reply.state ~= shown then
      local title, text = reply.title or PREFIX .. " " .. tostring(reply.state), reply.text or ""
      if mark(timeline, frame, COLOUR[reply.state] or "Yellow", title, text) then
        shown, refused = reply.state, 0
      else -- Resolve refuses everything while a dialog is open or the project is closed
        refused = refused + 1
        if refused * POLL_S > REFUSED_S then return notice(title:gsub("^v2m: ", "") .. ". " .. text) end
      end
    end
    if shown == "done" or shown == "failed" or shown == "cancelled" then return end
    if shown == "sent" and os.time() - started >= FIRST_ANSWER_S then
      shown = "unanswered"
      tell(timeline, frame, "Red", "v2m: no answer yet", "v2m-bridge is not running. "
        .. "Start it (v2m-bridge serve): the timeline waits in its inbox and will be scored.")
    end
    bmd.wait(POLL_S)
  end
  tell(timeline, frame, "Sand", "v2m: still working", "The score is not ready yet. v2m-bridge shows its progress.")
end

-- Why this timeline cannot be scored: a title and a remedy, or nil.
local function obstacle(timeline)
  if not has_clips(timeline) then
    return "v2m: nothing to score", "This timeline has no video clips. Add some, then try again."
  elseif STAMP.inbox == "" then
    return "v2m: not set up", "Run: v2m-bridge install resolve"
  elseif not resolve.EXPORT_OTIO then
    return "v2m: Resolve is too old", "Exporting OpenTimelineIO needs DaVinci Resolve 18.5 or later."
  end
end

local function send(project, timeline, frame, first, last)
  local title, remedy = obstacle(timeline)
  if title then return tell(timeline, frame, "Red", title, remedy) end
  local request = new_request()
  local path = STAMP.inbox .. file_name(request, project, timeline, first, last)
  unmark(timeline) -- otherwise our own marker would be exported with the edit
  local exported = ask(timeline, "Export", path, resolve.EXPORT_OTIO, resolve.EXPORT_NONE)
  local gone = bmd.direxists and not bmd.direxists(STAMP.inbox:sub(1, -2)) -- Windows wants no separator at the end
  if not exported and gone then
    return tell(timeline, frame, "Red", "v2m: inbox missing",
      "The folder " .. STAMP.inbox .. " is gone. Run: v2m-bridge install resolve")
  elseif not exported or bmd.fileexists and not (bmd.fileexists(path) or answer(request)) then
    return tell(timeline, frame, "Red", "v2m: export refused", "Resolve did not export the timeline. Close any open "
      .. "dialog and try again, or use File > Export > Timeline (OTIO) into " .. STAMP.inbox)
  end
  tell(timeline, frame, "Yellow", "v2m: sent", "Waiting for v2m-bridge.")
  wait_for_answer(timeline, frame, request)
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
  local first, last = marks(timeline)
  local worked, problem = pcall(send, project, timeline, first or 0, first, last)
  if not worked then tell(timeline, first or 0, "Red", "v2m: something went wrong", tostring(problem)) end
end

local worked, problem = pcall(main)
if not worked then pcall(notice, "The script stopped: " .. tostring(problem)) end
