-- Fragmentation: every second string is let go, then larger ones are wanted.
-- Watch: holes in the map that no larger block fits in, and memory that grows although half of it
-- is free.  Then everything is let go: pools and chunks become one free piece again.

for round = 1, 4 do
  local size = 400 * round
  local held = {}
  for i = 1, 12000 do held[i] = string.rep("x", size - 10) .. i end
  print("held", #held .. " strings of about " .. size .. " bytes")

  for i = 1, #held, 2 do held[i] = false end
  collectgarbage()
  print("every second one is let go", math.floor(collectgarbage("count")) .. " KiB in use")

  local larger = {}
  for i = 1, 2000 do larger[i] = string.rep("y", size * 2) .. i end
  print("larger ones", math.floor(collectgarbage("count")) .. " KiB in use")

  held, larger = nil, nil
  collectgarbage()
  print("all let go", math.floor(collectgarbage("count")) .. " KiB in use")
end
