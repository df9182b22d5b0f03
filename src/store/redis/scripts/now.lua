-- KEYS: one of the partition whose server is asked.
return text(now)
