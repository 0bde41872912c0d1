-- A string that grows: each step needs a longer block, and leaves the old one.
-- Watch: raw blocks above 512 bytes; free chunks that are joined and used again.

local text = ""
for i = 1, 6000 do
  text = text .. "line " .. i .. " of a text that grows\n"
  if i % 500 == 0 then
    print(i, #text .. " bytes", math.floor(collectgarbage("count")) .. " KiB in use")
  end
end

-- The same with a table: one block at the end.
local lines = {}
for i = 1, 60000 do lines[i] = "line " .. i .. " of a text that grows\n" end
print("joined", #table.concat(lines))
