-- @description v2m: Import score, import parts of it, Take the new version, Watch for scores, Send this project's cuts
-- @version 0.1.0
-- @author v2m-bridge
-- @about
--   # v2m
--   Brings a score of v2m-bridge into this project: tempo map on the picture's cuts, cut markers, chord track and
--   MIDI parts. Imports again and again; whatever you locked, renamed, moved, edited or made yourself stays.
-- @changelog
--   First release.
-- @provides
--   [main] v2m_Import score.lua
--   [main] v2m_Import tempo map only.lua
--   [main] v2m_Import markers only.lua
--   [main] v2m_Import chords only.lua
--   [main] v2m_Import parts only.lua
--   [main] v2m_Take the new version.lua
--   [main] v2m_Watch for scores.lua
--   [main] v2m_Send this project's cuts.lua
--   [nomain] lib/*.lua

local _, script = reaper.get_action_context()
local folder = script:match("^(.*[/\\])")
local Import = dofile(folder .. "lib/v2m_import.lua")(folder)
Import.act()
