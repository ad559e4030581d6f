-- @description v2m: Send this project's cuts
-- @version 0.1.0
-- @author v2m-bridge
-- @noindex
-- @about Sends markers, video items and time selection of this project to v2m-bridge as a timeline to score.

local _, script = reaper.get_action_context()
local folder = script:match("^(.*[/\\])")
local Files = dofile(folder .. "lib/v2m_files.lua")
local Guard = dofile(folder .. "lib/v2m_guard.lua")
local Cuts = dofile(folder .. "lib/v2m_cuts.lua")

local text, name = Cuts.text(Guard)
if not text then
  reaper.ShowConsoleMsg("v2m: nothing to send: " .. name .. "\n")
  return
end
local inbox = Files.inbox(folder)
reaper.RecursiveCreateDirectory(inbox, 0)
local path = Files.join(inbox, name .. ".otio")
local good, problem = Files.write(path, text)
if good then
  reaper.ShowConsoleMsg("v2m: sent " .. path .. "\n")
else
  reaper.ShowConsoleMsg("v2m: cannot write " .. path .. ": " .. tostring(problem) .. "\n")
end
