-- A cache that nobody empties: who holds the memory?
local cache = {}

local function handle(number)
  local row = { id = number, text = string.rep("x", 100) .. number }
  cache[number] = row -- the leak
  return #row.text
end

local sum = 0
for number = 1, 20000 do
  sum = sum + handle(number)
end
print(sum, "bytes of text")
os.exit(0, false)
