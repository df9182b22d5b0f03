-- Says what came of a run in one line: answers, microseconds, failures, and two latencies.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("benchmark %d %d %d %d %d\n", summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.timeout + errors.status,
    latency:percentile(50), latency:percentile(99)))
end
