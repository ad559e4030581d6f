-- @description v2m: Import parts only
-- @version 0.1.0
-- @author v2m-bridge
-- @noindex
-- @about Imports of the score that was posted last the MIDI parts.

local _, script = reaper.get_action_context()
local folder = script:match("^(.*[/\\])")
dofile(folder .. "lib/v2m_import.lua")(folder).act({ only = "parts" })
