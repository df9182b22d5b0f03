-- KEYS: subject, feed, index. ARGV: subject, digest, the id to be left alone, reason. Answers the ids that it ended.
local key, ids = KEYS[1], {}
local found, fields = sessions(key)
if fields.s and fields.s ~= ARGV[1] then return redis.error_reply('JWTFOREIGN another subject has this digest') end
for _, session in ipairs(found) do
  if session.id ~= ARGV[3] and is_living(session.hot, session.cold) then
    tell(KEYS[2], 's', session.id)
    table.insert(ids, session.id)
    redis.call('HSET', key, 'h' .. session.id, ended(session.hot, ARGV[4]))
  end
end
if not fields.s then
  redis.call('ZADD', KEYS[3], 0, ARGV[2])
  redis.call('HSET', key, 's', ARGV[1])
end
-- A clock that was set back never takes back a refusal.
redis.call('HSET', key, 'n', text(math.max(now, fields.n or now)))
expire(key)
return ids
