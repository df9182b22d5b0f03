-- KEYS: feed. ARGV: how many entries at most. Answers how many were let go.
return redis.call('XTRIM', KEYS[1], 'MINID', '~', text(now - REVOKED_FOR - MARGIN), 'LIMIT', ARGV[1])
