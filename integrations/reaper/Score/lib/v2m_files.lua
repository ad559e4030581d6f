-- @noindex
-- Finds jobs and answers, and writes files whole, so that no reader sees half of one.

local Files = {}

Files.SCRIPTS_VERSION = "0.1.0"

local SEPARATOR = package.config:sub(1, 1)

-- Line `number` (the first, if none is given) of a text without trailing blanks, or nil.
local function line_of(path, number)
  local file = io.open(path, "rb")
  if not file then return nil end
  local line
  for _ = 1, number or 1 do line = file:read("l") end
  file:close()
  line = line and line:gsub("%s+$", "")
  return line ~= "" and line or nil
end

function Files.first_line(path) return line_of(path) end

function Files.join(folder, name) return folder:gsub("[/\\]+$", "") .. SEPARATOR .. name end

local function platform_home()
  local os_name = reaper.GetOS()
  if os_name:match("^Win") then return Files.join(os.getenv("LOCALAPPDATA") or ".", "v2m-bridge") end
  local home = os.getenv("HOME") or "."
  if os_name:match("^OSX") or os_name:match("^mac") then return home .. "/Library/Application Support/v2m-bridge" end
  return Files.join(os.getenv("XDG_DATA_HOME") or (home .. "/.local/share"), "v2m-bridge")
end

-- The state folder of v2m-bridge: the user's setting, else the installer's note, the environment, the platform's.
function Files.home(script_folder)
  local set = reaper.GetExtState("v2m", "home")
  if set ~= "" then return set end
  return line_of(Files.join(script_folder, "v2m_home.txt")) or os.getenv("V2M_HOME") or platform_home()
end

-- The folder that the daemon watches. The installer's note names it: it need not lie in the state folder.
function Files.inbox(script_folder)
  local noted = reaper.GetExtState("v2m", "home") == "" and line_of(Files.join(script_folder, "v2m_home.txt"), 2)
  return noted or Files.join(Files.home(script_folder), "inbox")
end

-- Writes text at path, whole or not at all; returns true, or nil and the reason.
function Files.write(path, text)
  local temporary = path .. ".part"
  local file, problem = io.open(temporary, "wb")
  if not file then return nil, problem end
  file:write(text)
  file:close()
  local done, why = os.rename(temporary, path)
  if not done then
    -- Windows does not rename onto an existing file
    os.remove(path)
    done, why = os.rename(temporary, path)
  end
  if not done then os.remove(temporary) end
  return done, why
end

-- "name<TAB>value" records under a header, closed by their count, as in jobs.
function Files.records(header, rows)
  local lines = { header }
  for _, row in ipairs(rows) do
    local fields = {}
    for i, value in ipairs(row) do
      local text = type(value) == "number" and math.type(value) == "float" and ("%.17g"):format(value):gsub(",", ".") or tostring(value)
      fields[i] = text:gsub("\\", "\\\\"):gsub("\t", "\\t"):gsub("\r", "\\r"):gsub("\n", "\\n")
    end
    lines[#lines + 1] = table.concat(fields, "\t")
  end
  lines[#lines + 1] = "end\t" .. #lines
  return table.concat(lines, "\n") .. "\n"
end

-- Every job in the folder, by name.
local function jobs_in(folder)
  local found, index = {}, 0
  reaper.EnumerateFiles(folder, -1)
  while true do
    local name = reaper.EnumerateFiles(folder, index)
    if not name then return found end
    if name:match("^[^.].*%.v2m$") then found[#found + 1] = name end
    index = index + 1
  end
end

-- The job that was posted last ("counter<TAB>name" in the file "newest"); without that note the only job there is.
function Files.newest(outbox)
  local note = line_of(Files.join(outbox, "newest"))
  local name = note and note:match("^%d+\t([^/\\]+%.v2m)$")
  if name and reaper.file_exists(Files.join(outbox, name)) then return Files.join(outbox, name), note end
  local found = jobs_in(outbox)
  if #found == 1 then return Files.join(outbox, found[1]), found[1] end
  return nil, nil
end

-- Writes the command id of an action for v2m-bridge, so that the user need not type it.
function Files.note_command(outbox, action, command, script)
  local name = reaper.ReverseNamedCommandLookup(command)
  if not name then return end
  local text = Files.records("v2m-handshake\t1", {
    { "command", "_" .. name },
    { "reaper", reaper.GetAppVersion() },
    { "script", script },
    { "scripts", Files.SCRIPTS_VERSION },
  })
  local path = Files.join(outbox, "reaper-" .. action .. ".txt")
  local file = io.open(path, "rb")
  local before = file and file:read("a")
  if file then file:close() end
  if before ~= text then
    reaper.RecursiveCreateDirectory(outbox, 0)
    Files.write(path, text)
  end
end

-- The same for the action that runs now.
function Files.shake_hands(outbox, action)
  local _, script, _, command = reaper.get_action_context()
  Files.note_command(outbox, action, command, script)
end

return Files
