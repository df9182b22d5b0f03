-- Begins every script. A session is two fields of its subject's hash, each of at most 64 bytes, so that Redis keeps a
-- small hash packed:
--   h<id>: generation previous seen cut (8 bytes each, big-endian) rotated_at, and once it has ended: revoked_at, reason
--   c<id>: secret_hash (32 bytes) created_at idle expires_at auth_time
--   d<id>: the device, if there is one
-- and beside them s, the subject, and n, the moment up to which logins are refused. Those that were ended are in a hash of
-- their own. Times are doubles, in milliseconds.
local MARGIN, REVOKED_FOR, NOTED_FOR = 60000, 3660000, 34560000000

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function text(number)
  return string.format('%.0f', number)
end

local function moment(number)
  return struct.pack('>d', number)
end

local function at(bytes, place)
  return (struct.unpack('>d', bytes, place))
end

-- Counts have 64 bits, which no number of Lua holds: they are compared by halves, and copied as they are.
local function less(a, b)
  local a_high, a_low = struct.unpack('>I4I4', a)
  local b_high, b_low = struct.unpack('>I4I4', b)
  return a_high < b_high or (a_high == b_high and a_low < b_low)
end

local function larger(a, b)
  if less(a, b) then return b end
  return a
end

-- When a session ends by itself.
local function dies(hot, cold)
  return math.min(at(cold, 49), at(hot, 33) + at(cold, 41))
end

local function is_living(hot, cold)
  return #hot == 40 and dies(hot, cold) > now
end

-- From when on nobody needs a session.
local function over(hot, cold)
  if #hot == 40 then return dies(hot, cold) end
  return math.min(dies(hot, cold), at(hot, 41) + REVOKED_FOR + 1)
end

-- Appends to the feed, and lets go of what is no longer of use there.
local function tell(feed, what, value)
  redis.call('XADD', feed, 'MINID', '~', text(now - REVOKED_FOR - MARGIN), '*', what, value)
end

-- All sessions of a subject, and all fields.
local function sessions(key)
  local flat, fields, found = redis.call('HGETALL', key), {}, {}
  for i = 1, #flat, 2 do
    fields[flat[i]] = flat[i + 1]
  end
  for field, hot in pairs(fields) do
    if #field == 17 and string.sub(field, 1, 1) == 'h' then
      local id = string.sub(field, 2)
      table.insert(found, { id = id, hot = hot, cold = fields['c' .. id] })
    end
  end
  return found, fields
end

local function drop(key, id)
  redis.call('HDEL', key, 'h' .. id, 'c' .. id, 'd' .. id)
end

-- Moves a session to those that were ended, where no other call looks through all of them. Of a subject that has very many
-- of them at once, as only somebody has who tries to fill the server, they are forgotten: unknown is answered as ended is.
local function finish(key, past, subject, session, reason)
  if redis.call('HLEN', past) > 2000 then redis.call('DEL', past) end
  local hot = string.sub(session.hot, 1, 40) .. moment(now) .. reason
  redis.call('HSET', past, 's', subject, 'h' .. session.id, hot, 'c' .. session.id, session.cold)
  redis.call('PEXPIREAT', past, text(now + REVOKED_FOR + MARGIN))
  drop(key, session.id)
  -- Nothing but the subject's name is left.
  if redis.call('HLEN', key) == 1 then redis.call('DEL', key) end
end

-- A session, whether living or ended.
local function find(key, past, subject, id)
  for _, key in ipairs({ key, past }) do
    local found = redis.call('HMGET', key, 's', 'h' .. id, 'c' .. id)
    if found[1] == subject and found[2] then return found[2], found[3] end
  end
end

-- Lets Redis drop all of a subject once nothing of it is needed.
local function expire(key)
  local found, fields = sessions(key)
  local till = 0
  for _, session in ipairs(found) do
    till = math.max(till, over(session.hot, session.cold))
  end
  if fields.n then till = math.max(till, fields.n + NOTED_FOR) end
  redis.call('PEXPIREAT', key, text(till + MARGIN))
end

