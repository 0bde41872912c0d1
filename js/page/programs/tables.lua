-- Large tables: an array that doubles again and again, and a hash that is filled and emptied.
-- Watch: blocks of megabytes; each doubling needs the new one while the old one is still there.

local squares = {}
for i = 1, 3000000 do
  squares[i] = i * i
  if (i & (i - 1)) == 0 and i > 30000 then
    print(i .. " numbers", math.floor(collectgarbage("count")) .. " KiB in use")
  end
end
squares = nil

for round = 1, 5 do
  local names = {}
  for i = 1, 60000 do names["name " .. i] = {i, round} end
  local n = 0
  for name in pairs(names) do
    n = n + 1
    names[name] = nil
  end
  collectgarbage()
  print("round " .. round, n .. " names put in and taken out",
    math.floor(collectgarbage("count")) .. " KiB in use")
end
