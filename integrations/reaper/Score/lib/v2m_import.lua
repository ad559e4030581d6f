-- @noindex
-- One import, inside one undo block: it is done whole or not at all. The job says what to do; no musical logic is here.

return function(folder)
  local lib = folder .. "lib/"
  local Files = dofile(lib .. "v2m_files.lua")
  local Job = dofile(lib .. "v2m_job.lua")
  local Guard = dofile(lib .. "v2m_guard.lua")
  local Place = dofile(lib .. "v2m_place.lua")
  local Tempo = dofile(lib .. "v2m_tempo.lua")(dofile(lib .. "v2m_bars.lua"))
  local Cues = dofile(lib .. "v2m_cues.lua")
  local Markers = dofile(lib .. "v2m_markers.lua")
  local Tracks = dofile(lib .. "v2m_tracks.lua")

  local RECORDING = 4
  local RATE_TOLERANCE = 0.002
  local YES = 6
  local YES_NO = 4
  local OLDEST = { 6, 37 }

  local Import = { Files = Files }

  local function check_rate(job, warnings)
    local fps, drop = reaper.TimeMap_curFrameRate(0)
    if math.abs(fps - job.rate) > RATE_TOLERANCE or drop ~= job.drop then
      warnings[#warnings + 1] = ("the edit runs at %.3f%s, the project at %.3f%s frames a second: "
        .. "set Project settings > Frame rate"):format(job.rate, job.drop and " drop" or "", fps, drop and " drop" or "")
    end
  end

  local function overlapped(base, job)
    local hit, other = Cues.overlapping(Cues.load(), base, base + job.duration)
    local ids, points, markers, metres = {}, {}, {}, {}
    local past = { points = {}, markers = {} }
    local opening
    for _, cue in ipairs(hit) do
      opening = opening or cue.opening
      ids[cue.id] = true
      for _, point in ipairs(cue.points) do points[#points + 1] = point end
      for _, metre in ipairs(cue.metres) do metres[#metres + 1] = metre end
      for _, marker in ipairs(cue.markers) do markers[#markers + 1] = marker end
      for _, point in ipairs(cue.past.points) do past.points[#past.points + 1] = point end
      for _, marker in ipairs(cue.past.markers) do past.markers[#past.markers + 1] = marker end
    end
    return ids, points, markers, metres, opening, past, other
  end

  local function joined(first, second)
    return table.move(second, 1, #second, #first + 1, table.move(first, 1, #first, 1, {}))
  end

  local function keeps_beats(kept)
    local set = {}
    for _, record in ipairs(kept) do set[record.item] = true end
    return function(item) return set[item] == true end
  end

  local function report_kept(facts, kept)
    for _, record in ipairs(kept) do facts[#facts + 1] = { "kept", record.key, record.reason } end
  end

  -- Changes the project; returns facts read back from it, warnings, and the cues to record.
  local function apply(job)
    local facts, warnings = {}, {}
    local base = Place.find(job, Guard, Tracks.is_ours, warnings)
    check_rate(job, warnings)
    local ids, points, markers, metres, opening, past, others = overlapped(base, job)
    local id = Cues.free_id(others)
    local kept, removed = Tracks.clear(ids, id)
    local kept_markers = Markers.remove(markers, past.markers, Guard)
    local held = Guard.hold(keeps_beats(kept))
    local made, worst, foreign =
      Tempo.write(job, base, joined(points, past.points), metres, opening, warnings)
    Guard.release(held)
    facts[#facts + 1] = { "base", base }
    facts[#facts + 1] = { "timecode", Place.timecode(job, base) }
    facts[#facts + 1] = { "tempo", #job.tempo, worst }
    local marks, in_lane = Markers.add(job, base, Guard)
    local context = { id = id, first = base, last = base + job.duration, kept = kept, facts = facts }
    context.warnings, context.qn = warnings, reaper.TimeMap2_timeToQN(0, base)
    Tracks.add(job, context, Markers.native, Guard)
    facts[#facts + 1] = { "markers", #marks - 1, Markers.verify(marks, Guard), in_lane and "lane" or "ruler" }
    for _, mark in ipairs(marks) do facts[#facts + 1] = { mark.last and "region" or "marker", mark.first, mark.name } end
    facts[#facts + 1] = { "removed", removed }
    facts[#facts + 1] = { "held", #held.items, held.videos, held.repaired }
    report_kept(facts, kept)
    if kept_markers > 0 then facts[#facts + 1] = { "kept", "markers", "renamed" } end
    if foreign > 0 then warnings[#warnings + 1] = foreign .. " tempo points of your own inside the cue were replaced" end
    local cue = { id = id, first = base, last = base + job.duration, title = job.title, markers = marks }
    cue.points, cue.metres, cue.opening = made.points, made.metres, made.opening
    cue.past = { points = points, markers = markers }
    others[#others + 1] = cue
    return facts, warnings, others
  end

  -- What has to be closed exactly once, however the import ends.
  local running = { block = false, locked = false, mark = "", cues = {} }

  local function unlock()
    if running.locked then
      reaper.PreventUIRefresh(-1)
      running.locked = false
    end
  end

  local function close(name)
    if running.block then
      reaper.Undo_EndBlock2(0, name, -1)
      running.block = false
    end
    reaper.UpdateTimeline()
    reaper.UpdateArrange()
  end

  local function roll_back()
    unlock()
    close(running.mark)
    -- undo this import only: no other undo point has this name
    if reaper.Undo_CanUndo2(0) == running.mark then reaper.Undo_DoUndo2(0) end
    Cues.save(running.cues)
    running.mark = ""
  end

  local guarding = false

  local function begin()
    if not guarding then
      -- this runs even when the script is terminated
      reaper.atexit(function()
        if running.mark ~= "" then roll_back() end
      end)
      guarding = true
    end
    running.cues = Cues.load()
    running.mark = "v2m: import that did not finish " .. reaper.time_precise()
    reaper.Undo_BeginBlock2(0)
    running.block = true
    reaper.PreventUIRefresh(1)
    running.locked = true
  end

  -- Runs apply in one undo block; if anything stops it, the project is put back as it was.
  local function guarded(job)
    local facts, warnings
    local good, problem = pcall(function()
      begin()
      local cues
      facts, warnings, cues = apply(job)
      Cues.save(cues)
    end)
    if good then
      unlock()
      close("v2m: Import score " .. job.title)
      running.mark = ""
      return facts, warnings
    end
    -- if this fails too, the callback at the script's end tries once more
    pcall(roll_back)
    return nil, tostring(problem)
  end

  -- Asks once in a project whose timebase is beats, because keeping items in place changes their settings for a moment.
  local function may_go_on()
    if reaper.CountMediaItems(0) == 0 then return true end
    if reaper.GetSetProjectInfo(0, "PROJECT_TIMEBASE", 0, false) == 0 then return true end
    if Cues.remembered("beats") == "hold" then return true end
    local answer = reaper.ShowMessageBox(
      "This project's timebase is beats: a new tempo map would move and re-time your items and video.\n\n"
        .. "v2m will hold everything of yours where it is in time while it writes the map. Go on?",
      "v2m: Import score", YES_NO)
    if answer ~= YES then return false end
    Cues.remember("beats", "hold")
    return true
  end

  local function write_answer(path, job, facts, problem)
    local _, project = reaper.EnumProjects(-1)
    local rows = {
      { "status", problem and "error" or "ok" },
      { "job", job and job.id or "" },
      { "reaper", reaper.GetAppVersion() },
      { "scripts", Files.SCRIPTS_VERSION },
      { "project", project or "" },
    }
    if problem then rows[#rows + 1] = { "message", problem } end
    for _, fact in ipairs(facts or {}) do rows[#rows + 1] = fact end
    local good, why = Files.write((path:gsub("%.v2m$", "") .. ".answer"), Files.records("v2m-answer\t1", rows))
    if not good then reaper.ShowConsoleMsg("v2m: cannot write the answer: " .. tostring(why) .. "\n") end
  end

  local function refuse(path, job, problem)
    write_answer(path, job, nil, problem)
    reaper.ShowConsoleMsg("v2m: not imported: " .. problem .. "\n")
    return false
  end

  -- Older versions take other arguments for their text functions.
  local function too_old()
    local major, minor = reaper.GetAppVersion():match("^(%d+)%.(%d%d?)")
    major, minor = tonumber(major) or 0, tonumber(minor) or 0
    return major < OLDEST[1] or (major == OLDEST[1] and minor < OLDEST[2])
  end

  -- Whether REAPER is recording right now.
  function Import.recording() return reaper.GetPlayStateEx(0) & RECORDING ~= 0 end

  -- Imports the job at path; true if it was done. The answer beside the job says what happened.
  function Import.run(path)
    local job, problem = Job.read(path)
    if not job then return refuse(path, nil, problem) end
    if too_old() then return refuse(path, job, ("this needs REAPER %d.%d or newer"):format(OLDEST[1], OLDEST[2])) end
    if Import.recording() then return refuse(path, job, "REAPER is recording") end
    if not may_go_on() then return refuse(path, job, "declined by the user") end
    local facts, result = guarded(job)
    if not facts then return refuse(path, job, result) end
    for _, warning in ipairs(job.warnings) do facts[#facts + 1] = { "warning", warning } end
    for _, warning in ipairs(result) do facts[#facts + 1] = { "warning", warning } end
    write_answer(path, job, facts)
    return true
  end

  return Import
end
