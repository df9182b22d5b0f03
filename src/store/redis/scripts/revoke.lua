-- KEYS: subject, ended, feed. ARGV: subject, id, reason. Answers whether the session was living.
local key, id = KEYS[1], ARGV[2]
local found = redis.call('HMGET', key, 's', 'h' .. id, 'c' .. id)
if found[1] ~= ARGV[1] or not found[2] or not is_living(found[2], found[3]) then return 0 end
tell(KEYS[3], 's', id)
finish(key, KEYS[2], ARGV[1], { id = id, hot = found[2], cold = found[3] }, ARGV[3])
return 1
