-- KEYS: subject, ended, feed. ARGV: subject, id, secret hash, generation and previous as expected, whether unless seen, quiet for,
-- generation and previous to be, seen, cut, whether authenticated.
local key, id = KEYS[1], ARGV[2]
local hot, cold = find(key, KEYS[2], ARGV[1], id)
if not hot then return { text(now) } end
local generation, previous = string.sub(hot, 1, 8), string.sub(hot, 9, 16)
local seen, cut = string.sub(hot, 17, 24), string.sub(hot, 25, 32)
local wins = is_living(hot, cold)
  and string.sub(cold, 1, 32) == ARGV[3]
  and generation .. previous == ARGV[4]
  and (ARGV[5] == '' or less(seen, generation))
  and (ARGV[6] == '' or generation == previous or now - at(hot, 33) > tonumber(ARGV[6]))
if not wins then return { text(now), '', hot, cold } end

if ARGV[9] ~= struct.pack('>I4I4', 0, 0) then tell(KEYS[3], 'b', id .. ARGV[9]) end
hot = ARGV[7] .. larger(seen, ARGV[8]) .. larger(cut, ARGV[9]) .. moment(now)
redis.call('HSET', key, 'h' .. id, hot)
if ARGV[10] ~= '' then
  cold = string.sub(cold, 1, 56) .. moment(now)
  redis.call('HSET', key, 'c' .. id, cold)
end
-- With an eighth to spare, so that not every rotation writes it.
local needed = dies(hot, cold) + MARGIN
if redis.call('PTTL', key) < needed - now then
  redis.call('PEXPIREAT', key, text(math.min(at(cold, 49) + MARGIN, needed + at(cold, 41) / 8)))
end
return { text(now), 'won', hot, cold }
