-- KEYS: subject. ARGV: subject, id.
local found = redis.call('HMGET', KEYS[1], 's', 'h' .. ARGV[2], 'c' .. ARGV[2])
if found[1] ~= ARGV[1] or not found[2] then return { text(now) } end
return { text(now), found[2], found[3] }
