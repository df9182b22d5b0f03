-- KEYS: subject, ended. ARGV: subject, id.
local hot, cold = find(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
if not hot then return { text(now) } end
return { text(now), hot, cold }
