-- KEYS: subject, ended, feed, index. ARGV: subject, digest, the id to be left alone, reason. Answers the ids that it ended.
local key, ids = KEYS[1], {}
local found, fields = sessions(key)
if fields.s and fields.s ~= ARGV[1] then return redis.error_reply('JWTFOREIGN another subject has this digest') end
local living = {}
for _, session in ipairs(found) do
  if session.id ~= ARGV[3] and is_living(session.hot, session.cold) then
    tell(KEYS[3], 's', session.id)
    table.insert(living, session)
    table.insert(ids, session.id)
  end
end
if not fields.s then redis.call('ZADD', KEYS[4], 0, ARGV[2]) end
-- A clock that was set back never takes back a refusal.
redis.call('HSET', key, 's', ARGV[1], 'n', text(math.max(now, fields.n or now)))
for _, session in ipairs(living) do
  finish(key, KEYS[2], ARGV[1], session, ARGV[4])
end
expire(key)
return ids
