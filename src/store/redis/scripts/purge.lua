-- KEYS: index, then a page of subjects, each with its ended ones. ARGV: how many sessions to delete at most, then the digests
-- of the subjects. Answers how many were deleted, and how many of the subjects were looked at.
local limit, deleted = tonumber(ARGV[1]), 0
for i = 1, #ARGV - 1 do
  local key, past = KEYS[2 * i], KEYS[2 * i + 1]
  for _, key in ipairs({ key, past }) do
    local found, fields = sessions(key)
    local left = #found
    for _, session in ipairs(found) do
      if over(session.hot, session.cold) <= now then
        if deleted >= limit then return { deleted, i - 1 } end
        drop(key, session.id)
        deleted, left = deleted + 1, left - 1
      end
    end
    if left == 0 and (not fields.n or fields.n + NOTED_FOR < now) then redis.call('DEL', key) end
  end
  if redis.call('EXISTS', key, past) == 0 then redis.call('ZREM', KEYS[1], ARGV[i + 1]) end
end
return { deleted, #ARGV - 1 }
