-- @description v2m: Import score, Watch for scores, Send this project's cuts
-- @version 0.1.0
-- @author v2m-bridge
-- @about
--   # v2m
--   Brings a score of v2m-bridge into this project: tempo map on the picture's cuts, cut markers, chord track and
--   MIDI parts. Imports again and again; whatever you locked, renamed, edited or made yourself stays.
-- @changelog
--   First release.
-- @provides
--   [main] v2m_Import score.lua
--   [main] v2m_Watch for scores.lua
--   [main] v2m_Send this project's cuts.lua
--   [nomain] lib/*.lua

local _, script = reaper.get_action_context()
local folder = script:match("^(.*[/\\])")
local Import = dofile(folder .. "lib/v2m_import.lua")(folder)
local Files = Import.Files

local outbox = Files.join(Files.home(folder), "outbox")
Files.shake_hands(outbox, "import")

local path = Files.newest(outbox)
if not path then
  local good, picked = reaper.GetUserFileNameForRead(Files.join(outbox, ""), "v2m: choose a score", "v2m")
  path = good and picked or nil
end
if path then Import.run(path) end
