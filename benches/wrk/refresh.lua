-- Sends refresh tokens, each once: file, first line, how many, the member of the body.
local tokens, sent, answered = {}, 0, 0

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
  sent = sent + 1
  if tokens[sent] then return wrk.format("POST", nil, nil, tokens[sent]) end
  -- The others still wait for their answers.
  return wrk.format("GET", "/health")
end

function response()
  answered = answered + 1
  if answered >= #tokens then wrk.thread:stop() end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("benchmark %d %d %d %d %d\n", summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.timeout + errors.status,
    latency:percentile(50), latency:percentile(99)))
end
