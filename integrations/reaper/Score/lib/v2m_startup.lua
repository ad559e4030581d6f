-- @noindex
-- Runs when REAPER starts, if `v2m-bridge install reaper` wrote a block into __startup.lua: registers our scripts as
-- actions and writes the command id of the import for v2m-bridge, so that the user need not load or type anything.

local SCRIPTS = {
  "v2m_Import score.lua", "v2m_Import tempo map only.lua", "v2m_Import markers only.lua", "v2m_Import chords only.lua",
  "v2m_Import parts only.lua", "v2m_Take the new version.lua", "v2m_Watch for scores.lua",
  "v2m_Send this project's cuts.lua",
}
local MAIN_SECTION = 0

return function(folder)
  local Files = dofile(folder .. "lib/v2m_files.lua")
  for index, name in ipairs(SCRIPTS) do
    local path = folder .. name
    if reaper.file_exists(path) then
      local command = reaper.AddRemoveReaScript(true, MAIN_SECTION, path, index == #SCRIPTS)
      if index == 1 and command ~= 0 then
        Files.note_command(Files.join(Files.home(folder), "outbox"), "import", command, path)
      end
    end
  end
end
