-- KEYS: before, feed. ARGV: the moment, whether the feed is told.
local noted = redis.call('GET', KEYS[1])
if ARGV[2] ~= '' then tell(KEYS[2], 'a', '') end
if not noted or tonumber(noted) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
return 1
