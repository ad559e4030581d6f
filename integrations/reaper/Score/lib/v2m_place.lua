-- @noindex
-- Where the cue belongs in this project: at its timecode, or on the user's own picture where timecode cannot tell.

local Place = {}

local FARTHEST_S = 4 * 3600
local NO_START_S = 1e-9

local function base_name(path) return path:gsub("\\", "/"):match("[^/]*$"):lower() end

-- Timecode of a frame number; drop frame leaves out two numbers (four at 59.94) a minute but every tenth.
local function timecode(frame, rate, drop)
  local fps = math.floor(rate + 0.5)
  local sign = frame < 0 and "-" or ""
  frame = math.abs(frame)
  if drop then
    local left_out = fps // 15
    local minute, ten = fps * 60 - left_out, fps * 600 - 9 * left_out
    local rest = frame % ten
    frame = frame + 9 * left_out * (frame // ten)
    if rest >= fps * 60 then frame = frame + left_out * ((rest - fps * 60) // minute + 1) end
  end
  return ("%s%02d:%02d:%02d%s%02d"):format(sign, frame // (fps * 3600), frame // (fps * 60) % 60, frame // fps % 60,
    drop and ";" or ":", frame % fps)
end

-- Timecode that belongs to `seconds` in the project.
function Place.timecode(job, seconds)
  local frame = math.floor((seconds + reaper.GetProjectTimeOffset(0, false)) * job.rate + 0.5)
  return timecode(frame, job.rate, job.drop)
end

-- Project second of the cue's first frame according to one picture item that shows a file of the job, or nil.
local function start_by_file(job, item, take)
  local path = base_name(reaper.GetMediaSourceFileName(reaper.GetMediaItemTake_Source(take)))
  local position = reaper.GetMediaItemInfo_Value(item, "D_POSITION")
  local source = reaper.GetMediaItemTakeInfo_Value(take, "D_STARTOFFS")
  for _, track in ipairs(job.tracks) do
    for _, video in ipairs(track.videos) do
      if base_name(video.path) == path then
        local in_film = video.first + (source - video.source) / video.speed
        if in_film > video.first - 1 / job.rate and in_film < video.first + video.length then
          return position - in_film
        end
      end
    end
  end
end

-- Project second at which the user's own picture starts, and whether it is known by the file that it shows.
local function picture(job, Guard, is_ours)
  local earliest, by_file
  for i = 0, reaper.CountMediaItems(0) - 1 do
    local item = reaper.GetMediaItem(0, i)
    if Guard.is_video(item) and not is_ours(item) then
      local start = start_by_file(job, item, reaper.GetActiveTake(item))
      if start and start > -0.5 / job.rate then by_file = math.min(by_file or start, start) end
      local position = reaper.GetMediaItemInfo_Value(item, "D_POSITION")
      earliest = math.min(earliest or position, position)
    end
  end
  if by_file then return math.max(0, by_file), true end
  return earliest, false
end

-- A number as texts have it here, whatever decimal separator the system has.
local function shown_as(value) return (("%.3f"):format(value):gsub(",", ".")) end

Place.shown_as = shown_as

local function advice(job)
  return ("set Project settings > Project start time to %s (%s s)"):format(job.timecode, shown_as(job.offset))
end

-- Whether the project's start is the edit's hour counted in whole frames a second: 3600 s for 01:00:00:00 at 23.976.
local function counted_whole(job, offset)
  if job.drop or math.abs(job.rate - math.floor(job.rate + 0.5)) < 0.002 then return false end
  return math.abs(offset - job.offset * 1000 / 1001) < 0.5 / job.rate
end

-- Where the cue goes without usable timecode: on the picture, else at the project's start; says so.
local function anchored(job, offset, shown, warnings)
  local at = shown or 0
  local where = shown and ("on your picture, at %s s of the project"):format(shown_as(at)) or "at the project's start"
  warnings[#warnings + 1] = ("the edit starts at %s, the project at %s s: the cue stands %s; %s %s"):format(
    job.timecode, shown_as(offset), where, advice(job), at > 0 and "less the time before the picture" or "to see the edit's timecode")
  return at
end

-- Seconds in the project where the cue's first frame belongs. is_ours(item) tells items of earlier imports.
function Place.find(job, Guard, is_ours, warnings)
  local offset = reaper.GetProjectTimeOffset(0, false)
  local at = job.offset - offset
  -- less than half a frame apart is the same frame: a start time typed in milliseconds is never exact
  if math.abs(at) < 0.5 / job.rate then return 0 end
  local shown, by_file = picture(job, Guard, is_ours)
  if counted_whole(job, offset) then
    local place = by_file and shown or 0
    warnings[#warnings + 1] = ("the project starts at %s s, but %s at %s frames a second is %s s: the cue stands %s; %s")
      :format(shown_as(offset), job.timecode, shown_as(job.rate), shown_as(job.offset), by_file and "on your picture" or "at the project's start",
        advice(job))
    return place
  end
  if math.abs(offset) < NO_START_S or at < 0 or at > FARTHEST_S then return anchored(job, offset, shown, warnings) end
  if by_file and math.abs(shown - at) >= 0.5 / job.rate then
    warnings[#warnings + 1] = ("the cue stands at its timecode, %s s into the project, your picture says %s s: "
      .. "set Project settings > Project start time to %s s if the picture is right"):format(
      shown_as(at), shown_as(shown), shown_as(job.offset - shown))
  end
  return at
end

return Place
