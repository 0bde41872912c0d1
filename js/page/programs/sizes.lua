-- Sizes that change: strings of 1 to 500 bytes replace each other at random.
-- Watch: the table of size classes.  A pool serves one size; those that empty serve another.
-- It goes on until it is stopped.

math.randomseed(20)
local slots = {}
local round = 0
while true do
  round = round + 1
  local middle = 20 + (round * 37) % 440             -- the size that is wanted most drifts
  for _ = 1, 4000 do
    local size = math.max(1, math.min(500, middle + math.random(-20, 20)))
    slots[math.random(20000)] = string.rep("s", size) .. math.random(1000000)
  end
  if round % 50 == 0 then
    print("round " .. round, "sizes about " .. middle,
      math.floor(collectgarbage("count")) .. " KiB in use")
  end
end
