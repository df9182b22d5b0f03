-- KEYS: subject. ARGV: subject. Answers id, both fields and device of each living session, one after the other.
local found, fields = sessions(KEYS[1])
local listed = {}
if fields.s ~= ARGV[1] then return listed end
for _, session in ipairs(found) do
  if is_living(session.hot, session.cold) then
    table.insert(listed, session.id)
    table.insert(listed, session.hot)
    table.insert(listed, session.cold)
    table.insert(listed, fields['d' .. session.id] or '')
  end
end
return listed
