-- @description v2m: Take the new version
-- @version 0.1.0
-- @author v2m-bridge
-- @noindex
-- @about
--   Imports the score that was posted last again, and replaces the selected items of ours although you locked, renamed,
--   moved or edited them. With none selected, all such items are replaced.

local _, script = reaper.get_action_context()
local folder = script:match("^(.*[/\\])")
local Import = dofile(folder .. "lib/v2m_import.lua")(folder)

local function selected(item) return reaper.GetMediaItemInfo_Value(item, "B_UISEL") > 0 end

local some = false
Import.each_item(function(item) some = some or (selected(item) and Import.is_ours(item)) end)
Import.act({ give_up = function(item) return not some or selected(item) end })
