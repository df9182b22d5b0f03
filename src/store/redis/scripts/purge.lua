-- KEYS: index, then a page of subjects. ARGV: how many sessions to delete at most, then the digests of the subjects.
-- Answers how many were deleted, and how many of the subjects were looked at.
local limit, deleted = tonumber(ARGV[1]), 0
for i = 2, #KEYS do
  local found, fields = sessions(KEYS[i])
  local left = #found
  for _, session in ipairs(found) do
    if over(session.hot, session.cold) <= now then
      if deleted >= limit then return { deleted, i - 2 } end
      drop(KEYS[i], session.id)
      deleted, left = deleted + 1, left - 1
    end
  end
  if left == 0 and (not fields.n or fields.n + NOTED_FOR < now) then
    redis.call('DEL', KEYS[i])
    redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
return { deleted, #KEYS - 1 }
