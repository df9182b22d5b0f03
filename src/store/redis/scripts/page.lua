-- KEYS: index. ARGV: where the page begins, how many subjects at most. Answers their digests, in their order.
--
-- A script, though it is one command: what only reads goes to a replica where a connection to a Cluster prefers that, and a
-- walk would leave out those whom the replica does not know yet.
return redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], '+', 'LIMIT', 0, ARGV[2])
