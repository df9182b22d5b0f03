-- Sends refresh tokens, each once, and ends: file, first line, how many, the member of the body.
--
-- wrk itself would wait for its time to run out, and count that.
local ffi = require("ffi")
ffi.cdef([[
  struct now { long seconds, microseconds; };
  int gettimeofday(struct now *now, void *zone);
]])
local tokens, sent, answered, failed, begun = {}, 0, 0, 0, nil

local function microseconds()
  local now = ffi.new("struct now")
  ffi.C.gettimeofday(now, nil)
  return tonumber(now.seconds) * 1e6 + tonumber(now.microseconds)
end

function init(args)
  local first, count, line = tonumber(args[2]), tonumber(args[3]), 0
  for token in io.lines(args[1]) do
    line = line + 1
    if line >= first and line < first + count then
      tokens[#tokens + 1] = string.format('{"%s":"%s"}', args[4], token)
    end
  end
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  begun = begun or microseconds()
  sent = sent + 1
  if tokens[sent] then return wrk.format("POST", nil, nil, tokens[sent]) end
  -- The others still wait for their answers.
  return wrk.format("GET", "/health")
end

function response(status)
  answered = answered + 1
  if status ~= 200 then failed = failed + 1 end
  if answered < #tokens then return end
  io.write(string.format("benchmark %d %d %d 0 0\n", answered, microseconds() - begun, failed))
  io.flush()
  os.exit(0)
end
