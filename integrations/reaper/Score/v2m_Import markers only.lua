-- @description v2m: Import markers only
-- @version 0.1.0
-- @author v2m-bridge
-- @noindex
-- @about Imports of the score that was posted last the cut markers, the edit's markers and the cue region.

local _, script = reaper.get_action_context()
local folder = script:match("^(.*[/\\])")
dofile(folder .. "lib/v2m_import.lua")(folder).act({ only = "markers" })
