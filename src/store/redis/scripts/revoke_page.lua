-- KEYS: a page of subjects. ARGV: the moment before which a session was opened, reason. Answers how many were ended.
local count = 0
for _, key in ipairs(KEYS) do
  local changed = false
  for _, session in ipairs((sessions(key))) do
    if is_living(session.hot, session.cold) and at(session.cold, 33) < tonumber(ARGV[1]) then
      redis.call('HSET', key, 'h' .. session.id, ended(session.hot, ARGV[2]))
      count, changed = count + 1, true
    end
  end
  if changed then expire(key) end
end
return count
