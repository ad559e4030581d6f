-- @description v2m: Import tempo map only
-- @version 0.1.0
-- @author v2m-bridge
-- @noindex
-- @about Imports of the score that was posted last the tempo map; markers, chords and parts stay, and go with the beats.

local _, script = reaper.get_action_context()
local folder = script:match("^(.*[/\\])")
dofile(folder .. "lib/v2m_import.lua")(folder).act({ only = "tempo" })
