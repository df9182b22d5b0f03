-- KEYS: meta. ARGV: schema, partitions. Answers what is found, in a word, and a number.
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'none' then
  redis.call('HSET', KEYS[1], 'schema', ARGV[1], 'partitions', ARGV[2])
  return { 'ready', '0' }
end
if kind ~= 'hash' then return { 'foreign', '0' } end
local found = redis.call('HMGET', KEYS[1], 'schema', 'partitions')
local schema, partitions = tonumber(found[1] or ''), tonumber(found[2] or '')
if not schema or not partitions then return { 'foreign', '0' } end
if schema > tonumber(ARGV[1]) then return { 'newer', text(schema) } end
if partitions ~= tonumber(ARGV[2]) then return { 'partitions', text(partitions) } end
return { 'ready', '0' }
