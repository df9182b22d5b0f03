-- KEYS: a page of subjects, each with its ended ones. ARGV: the moment before which a session was opened, reason. Answers how
-- many were ended.
local count = 0
for i = 1, #KEYS, 2 do
  local found, fields = sessions(KEYS[i])
  for _, session in ipairs(found) do
    if is_living(session.hot, session.cold) and at(session.cold, 33) < tonumber(ARGV[1]) then
      finish(KEYS[i], KEYS[i + 1], fields.s, session, ARGV[2])
      count = count + 1
    end
  end
end
return count
