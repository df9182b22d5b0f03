-- KEYS: the subjects of what was seen. ARGV: subject, id and generation of each. Answers which of them are orphans.
local orphans = {}
for i, key in ipairs(KEYS) do
  local subject, id, generation = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]
  local found = redis.call('HMGET', key, 's', 'h' .. id, 'c' .. id)
  local hot = found[2]
  if found[1] == subject and hot and is_living(hot, found[3]) then
    local newest = string.sub(hot, 1, 8)
    if generation == newest then
      if string.sub(hot, 17, 24) ~= generation then
        redis.call('HSET', key, 'h' .. id, string.sub(hot, 1, 16) .. generation .. string.sub(hot, 25))
      end
    elseif less(string.sub(hot, 9, 16), generation) and less(generation, newest)
      and not less(generation, string.sub(hot, 25, 32)) then
      table.insert(orphans, i - 1)
    end
  end
end
return orphans
