-- KEYS: subject, ended, feed, index, before. ARGV: subject, digest, id, secret hash, idle, lifetime, when the credentials were
-- read, auth_time, how many others may live, device, reason.
local key, id, read = KEYS[1], ARGV[3], tonumber(ARGV[7])
local own = redis.call('HMGET', key, 's', 'n', 'h' .. id)
if own[1] and own[1] ~= ARGV[1] then return redis.error_reply('JWTFOREIGN another subject has this digest') end
local before = redis.call('GET', KEYS[5])
if (own[2] and tonumber(own[2]) >= read) or (before and tonumber(before) > read) then return { text(now) } end
if own[3] or redis.call('HEXISTS', KEYS[2], 'h' .. id) == 1 then return redis.error_reply('JWTEXISTS a session of this id exists') end

local living = {}
for _, session in ipairs((sessions(key))) do
  if is_living(session.hot, session.cold) then
    table.insert(living, session)
  elseif over(session.hot, session.cold) + MARGIN <= now then
    drop(key, session.id)
  end
end
local answer = { text(now) }
local others = tonumber(ARGV[9])
if #living > others then
  table.sort(living, function(a, b)
    local a_at, b_at = at(a.hot, 33), at(b.hot, 33)
    if a_at ~= b_at then return a_at > b_at end
    a_at, b_at = at(a.cold, 33), at(b.cold, 33)
    if a_at ~= b_at then return a_at > b_at end
    return a.id > b.id
  end)
  for i = others + 1, #living do
    tell(KEYS[3], 's', living[i].id)
  end
end

local one = struct.pack('>I4I4', 0, 1)
local zero = struct.pack('>I4I4', 0, 0)
local hot = one .. one .. zero .. zero .. moment(now)
local times = moment(now) .. moment(ARGV[5]) .. moment(now + ARGV[6]) .. moment(math.min(ARGV[8], now))
local cold = ARGV[4] .. times
answer[2], answer[3] = hot, cold
for i = others + 1, #living do
  finish(key, KEYS[2], ARGV[1], living[i], ARGV[11])
  table.insert(answer, living[i].id)
end
if not own[1] then redis.call('ZADD', KEYS[4], 0, ARGV[2]) end
redis.call('HSET', key, 's', ARGV[1], 'h' .. id, hot, 'c' .. id, cold)
if ARGV[10] ~= '' then redis.call('HSET', key, 'd' .. id, ARGV[10]) end
expire(key)
return answer
