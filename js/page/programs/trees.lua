-- Binary trees: many small tables come and go.
-- Watch: the pools of 32 bytes fill, empty, and fill again.  A table has 32 bytes, and so has the
-- array of its two children.

local function tree(depth)
  if depth == 0 then return {} end
  return {tree(depth - 1), tree(depth - 1)}
end

local function count(node)
  if not node[1] then return 1 end
  return 1 + count(node[1]) + count(node[2])
end

local keep = tree(14)
for round = 1, 400 do
  local depth = 8 + round % 8
  local nodes = count(tree(depth))
  if round % 20 == 0 then
    print(string.format("round %d: a tree of depth %d has %d nodes, %.0f KiB in use",
      round, depth, nodes, collectgarbage("count")))
  end
end
print("kept", count(keep))
