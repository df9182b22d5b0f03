-- KEYS: feeds. ARGV: how many entries of each at most, then the last entry that was read of each, its id and what it says,
-- or nothing twice. Answers the present and the entries of each.
--
-- An entry that was read and is gone, or says something else, was lost in a failover or with a backup, or is no longer of
-- use: what is there is then read from the beginning. Whatever the new server's clock says, nothing is passed over.
local oldest = text(now - REVOKED_FOR)
local pages = {}
for i, key in ipairs(KEYS) do
  local read, said, count, page = ARGV[2 * i], ARGV[2 * i + 1], tonumber(ARGV[1]), nil
  if read ~= '' then
    page = redis.call('XRANGE', key, read, '+', 'COUNT', count + 1)
    local first = page[1]
    if first and first[1] == read and table.concat(first[2]) == said then table.remove(page, 1) else page = nil end
  end
  pages[i] = page or redis.call('XRANGE', key, oldest, '+', 'COUNT', count)
end
return { text(now), pages }
