-- KEYS: feeds. ARGV: how many entries of each at most, then where each was read up to, or nothing. Answers the present and
-- the entries of each.
--
-- An entry that was read and is gone was lost in a failover or with a backup, or is no longer of use: what is there is then
-- read from the beginning. Whatever the new server's clock says, nothing is passed over.
local oldest = text(now - REVOKED_FOR)
local pages = {}
for i, key in ipairs(KEYS) do
  local read, count, page = ARGV[i + 1], tonumber(ARGV[1]), nil
  if read ~= '' then
    page = redis.call('XRANGE', key, read, '+', 'COUNT', count + 1)
    if page[1] and page[1][1] == read then table.remove(page, 1) else page = nil end
  end
  pages[i] = page or redis.call('XRANGE', key, oldest, '+', 'COUNT', count)
end
return { text(now), pages }
