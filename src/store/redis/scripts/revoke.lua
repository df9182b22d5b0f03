-- KEYS: subject, feed. ARGV: subject, id, reason. Answers whether the session was living.
local key, id = KEYS[1], ARGV[2]
local found = redis.call('HMGET', key, 's', 'h' .. id, 'c' .. id)
if found[1] ~= ARGV[1] or not found[2] or not is_living(found[2], found[3]) then return 0 end
tell(KEYS[2], 's', id)
redis.call('HSET', key, 'h' .. id, ended(found[2], ARGV[3]))
expire(key)
return 1
