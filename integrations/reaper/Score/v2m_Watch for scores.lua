-- @description v2m: Watch for scores
-- @version 0.1.0
-- @author v2m-bridge
-- @noindex
-- @about Imports every score as soon as v2m-bridge posts it. Run again to stop.

local LOOK_EVERY_S = 0.5

local _, script, section, command = reaper.get_action_context()
local folder = script:match("^(.*[/\\])")
local Import = dofile(folder .. "lib/v2m_import.lua")(folder)
local Files = Import.Files

local outbox = Files.join(Files.home(folder), "outbox")
Files.shake_hands(outbox, "watch")

-- while this file exists, v2m-bridge leaves a posted score to the watcher and does not call the import itself
local sign = Files.join(outbox, "reaper-watching.txt")
Files.write(sign, Files.records("v2m-watching\t1", { { "reaper", reaper.GetAppVersion() } }))

local note_path = Files.join(outbox, "newest")
local last_note = Files.first_line(note_path)
local next_look = 0

local function show(state)
  reaper.SetToggleCommandState(section, command, state)
  reaper.RefreshToolbar2(section, command)
end

local function look()
  local note = Files.first_line(note_path)
  -- a score that comes while REAPER records waits until it is done
  if not note or note == last_note or Import.recording() then return end
  last_note = note
  local path = Files.newest(outbox)
  -- a job with an answer beside it has been imported already
  if path and not reaper.file_exists((path:gsub("%.v2m$", "") .. ".answer")) then Import.run(path) end
end

local function loop()
  local now = reaper.time_precise()
  if now >= next_look then
    next_look = now + LOOK_EVERY_S
    look()
  end
  reaper.defer(loop)
end

-- 7.03 and later: running the action again ends it instead of asking
if reaper.set_action_options then reaper.set_action_options(1) end
show(1)
reaper.atexit(function()
  show(0)
  os.remove(sign)
end)
loop()
