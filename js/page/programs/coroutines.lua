-- Coroutines: a thousand of them take turns, each with a stack and a buffer of its own.
-- Watch: stacks grow by realloc; those that end leave blocks of every size behind.

local function worker(n)
  local buffer = {}
  for i = 1, 20 + n % 60 do
    buffer[i] = "worker " .. n .. " step " .. i
    coroutine.yield(#buffer)
  end
  return n
end

for round = 1, 8 do
  local running = {}
  for n = 1, 1000 do running[n] = coroutine.wrap(function() return worker(n) end) end
  local turns, alive = 0, 1000
  local ended = {}
  while alive > 0 do
    for n = 1, 1000 do
      if not ended[n] then
        turns = turns + 1
        if running[n]() == n and turns > 1000 * 20 then ended[n], alive = true, alive - 1 end
      end
    end
  end
  print("round " .. round, turns .. " turns", math.floor(collectgarbage("count")) .. " KiB in use")
end
