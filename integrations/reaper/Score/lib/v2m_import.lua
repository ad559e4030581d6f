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
  local Tracks = dofile(lib .. "v2m_tracks.lua")(dofile(lib .. "v2m_midi.lua"))
  local Map = dofile(lib .. "v2m_map.lua")

  local RECORDING = 4
  local RATE_TOLERANCE = 0.002
  local YES = 6
  local YES_NO = 4
  local OLDEST = { 6, 37 }

  local Import = { Files = Files, each_item = Tracks.each_item, is_ours = Tracks.is_ours }

  -- Rates that REAPER does not offer, and the one to set instead: the same second has a whole number of frames.
  local OTHER_RATE = { { 60000 / 1001, "29.97" }, { 48000 / 1001, "23.976" }, { 120000 / 1001, "29.97" }, { 100, "50" },
    { 120, "60" }, { 96, "48" } }

  local function rate_to_set(job)
    for _, pair in ipairs(OTHER_RATE) do
      if math.abs(job.rate - pair[1]) < RATE_TOLERANCE then return pair[2] end
    end
  end

  local function check_rate(job, warnings)
    local fps, drop = reaper.TimeMap_curFrameRate(0)
    local instead = rate_to_set(job)
    if instead then
      if math.abs(fps - tonumber(instead)) > RATE_TOLERANCE then
        warnings[#warnings + 1] = ("the edit runs at %s frames a second, which REAPER does not have: set Project settings > "
          .. "Frame rate to %s%s"):format(Place.shown_as(job.rate), instead, job.drop and " DF" or "")
      end
    elseif math.abs(fps - job.rate) > RATE_TOLERANCE or drop ~= job.drop then
      warnings[#warnings + 1] = ("the edit runs at %s%s, the project at %s%s frames a second: "
        .. "set Project settings > Frame rate"):format(Place.shown_as(job.rate), job.drop and " drop" or "",
        Place.shown_as(fps), drop and " drop" or "")
    end
  end

  -- What is replaced: everything, or the things named in words ("tempo markers chords parts").
  local function scope_of(words)
    local scope = { all = words == nil or words == "" }
    for _, thing in ipairs({ "tempo", "markers", "chords", "parts" }) do scope[thing] = scope.all end
    for word in (words or ""):gmatch("%a+") do scope[word] = true end
    scope.words = words
    return scope
  end

  local function append(list, more)
    for _, value in ipairs(more) do list[#list + 1] = value end
  end

  -- What the imports before left where this cue goes, and the cues elsewhere.
  local function earlier_cues(base, job)
    local hit, others = Cues.overlapping(Cues.load(), base, base + job.duration)
    local before = { ids = {}, points = {}, markers = {}, metres = {}, past = { points = {}, markers = {} } }
    for _, cue in ipairs(hit) do
      before.opening = before.opening or cue.opening
      before.first = math.min(before.first or cue.first, cue.first)
      before.ids[cue.id] = true
      append(before.points, cue.points)
      append(before.metres, cue.metres)
      append(before.markers, cue.markers)
      append(before.past.points, cue.past.points)
      append(before.past.markers, cue.past.markers)
    end
    return before, others
  end

  local function joined(first, second)
    return table.move(second, 1, #second, #first + 1, table.move(first, 1, #first, 1, {}))
  end

  -- A test whether an item is one of these and goes with the beats.
  local function on_beats(records)
    local set = {}
    for _, record in ipairs(records) do set[record.item] = Tracks.goes_with_beats(record) end
    return function(item) return set[item] == true end
  end

  local function report_kept(facts, kept)
    for _, record in ipairs(kept) do
      facts[#facts + 1] = { "kept", record.key, record.reason, record.first_bar, record.last_bar }
    end
  end

  -- Writes the tempo map while everything else keeps its time, and what of ours stays keeps its beats.
  local function write_tempo(job, base, before, stays, facts, warnings)
    local from = before.first or base
    local start = reaper.TimeMap2_timeToQN(0, from)
    local held = Guard.hold(on_beats(stays))
    local made, worst, foreign =
      Tempo.write(job, base, joined(before.points, before.past.points), before.metres, before.opening, warnings)
    Guard.release(held, reaper.TimeMap2_timeToQN(0, base) - start)
    facts[#facts + 1] = { "tempo", #job.tempo, worst }
    facts[#facts + 1] = { "held", #held.items, held.videos, held.repaired }
    if foreign > 0 then warnings[#warnings + 1] = foreign .. " tempo points of your own inside the cue were replaced" end
    if held.astray > 0 then warnings[#warnings + 1] = held.astray .. " markers of your own moved with the tempo" end
    return { points = made.points, metres = made.metres, opening = made.opening, past = before.points }
  end

  local function write_markers(job, base, before, facts)
    local kept = Markers.remove(before.markers, before.past.markers, Guard)
    local marks, in_lane = Markers.add(job, base, Guard)
    facts[#facts + 1] = { "markers", #marks - 1, Markers.verify(marks, Guard), in_lane and "lane" or "ruler" }
    for _, mark in ipairs(marks) do facts[#facts + 1] = { mark.last and "region" or "marker", mark.first, mark.name } end
    if kept > 0 then facts[#facts + 1] = { "kept", "markers", "renamed" } end
    return { markers = marks, past = before.markers }
  end

  local function write_items(job, base, scope, id, kept, facts, warnings)
    local map = Map.new(job, base)
    if not map.on_grid then
      warnings[#warnings + 1] = "the project's tempo map is not the score's: everything stands at its second, not on "
        .. "the grid; import the tempo map to put it there"
    end
    Tracks.add(job, {
      id = id, first = base, last = base + job.duration, map = map, scope = scope, kept = kept,
      facts = facts, warnings = warnings,
    }, Markers.native, Guard)
  end

  -- Changes the project; returns facts read back from it, warnings, and the cues to record.
  local function apply(job, wish)
    local facts, warnings, scope = {}, {}, wish.scope
    local base = Place.find(job, Guard, Tracks.is_ours, warnings)
    check_rate(job, warnings)
    local before, others = earlier_cues(base, job)
    local id = Cues.free_id(others)
    local kept, left, removed = Tracks.clear(before.ids, id, wish)
    facts[#facts + 1] = { "base", base }
    facts[#facts + 1] = { "timecode", Place.timecode(job, base) }
    if not scope.all then facts[#facts + 1] = { "imported", scope.words } end
    local tempo = { points = before.points, metres = before.metres, opening = before.opening, past = before.past.points }
    local markers = { markers = before.markers, past = before.past.markers }
    if scope.tempo then
      local stays = joined(kept, left)
      tempo = write_tempo(job, base, before, stays, facts, warnings)
      Tracks.note_places(stays)
    end
    if scope.markers then markers = write_markers(job, base, before, facts) end
    if scope.chords or scope.parts then write_items(job, base, scope, id, kept, facts, warnings) end
    facts[#facts + 1] = { "removed", removed }
    report_kept(facts, kept)
    others[#others + 1] = {
      id = id, first = base, last = base + job.duration, title = job.title, points = tempo.points,
      metres = tempo.metres, opening = tempo.opening, markers = markers.markers,
      past = { points = tempo.past, markers = markers.past },
    }
    return facts, warnings, others
  end

  -- What has to be closed exactly once, however the import ends.
  local running = { block = false, locked = false, mark = "", cues = {}, project = nil }

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
    -- a script that ends later may find another project's tab in front
    local shown = reaper.EnumProjects(-1)
    if shown ~= running.project then reaper.SelectProjectInstance(running.project) end
    unlock()
    close(running.mark)
    -- undo this import only: no other undo point has this name
    if reaper.Undo_CanUndo2(0) == running.mark then reaper.Undo_DoUndo2(0) end
    Cues.save(running.cues)
    running.mark = ""
    if shown ~= running.project then reaper.SelectProjectInstance(shown) end
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
    running.project = reaper.EnumProjects(-1)
    running.cues = Cues.load()
    running.mark = "v2m: import that did not finish " .. reaper.time_precise()
    reaper.Undo_BeginBlock2(0)
    running.block = true
    reaper.PreventUIRefresh(1)
    running.locked = true
  end

  -- Runs apply in one undo block; if anything stops it, the project is put back as it was.
  local function guarded(job, wish)
    local facts, warnings
    local good, problem = pcall(function()
      begin()
      local cues
      facts, warnings, cues = apply(job, wish)
      Cues.save(cues)
    end)
    if good then
      unlock()
      close(("v2m: Import %s %s"):format(wish.scope.words or "score", job.title))
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

  -- What this import is asked to do, by the action (only, give_up) or else by the job.
  local function wish_of(job, asked)
    local only = asked.only or job.only
    local take_new = asked.give_up or function() return job.take_new == true end
    return { scope = scope_of(only), take_new = take_new }
  end

  -- Imports the job at path; true if it was done. The answer beside the job says what happened.
  -- asked: only, words of what to import ("tempo markers chords parts"; all of it without), and give_up(item), whether
  -- an item that would be kept is replaced all the same.
  function Import.run(path, asked)
    local job, problem = Job.read(path)
    if not job then return refuse(path, nil, problem) end
    if too_old() then return refuse(path, job, ("this needs REAPER %d.%d or newer"):format(OLDEST[1], OLDEST[2])) end
    if Import.recording() then return refuse(path, job, "REAPER is recording") end
    local wish = wish_of(job, asked or {})
    if wish.scope.tempo and not may_go_on() then return refuse(path, job, "declined by the user") end
    local facts, result = guarded(job, wish)
    if not facts then return refuse(path, job, result) end
    for _, warning in ipairs(job.warnings) do facts[#facts + 1] = { "warning", warning } end
    for _, warning in ipairs(result) do facts[#facts + 1] = { "warning", warning } end
    write_answer(path, job, facts)
    return true
  end

  -- The body of an action: finds the job that was posted last, or asks for one, and imports it.
  function Import.act(asked)
    local outbox = Files.join(Files.home(folder), "outbox")
    if not asked then Files.shake_hands(outbox, "import") end
    local path = Files.newest(outbox)
    if not path then
      local good, picked = reaper.GetUserFileNameForRead(Files.join(outbox, ""), "v2m: choose a score", "v2m")
      path = good and picked or nil
    end
    if path then Import.run(path, asked) end
  end

  return Import
end
