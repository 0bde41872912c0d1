-- Build and drop many full binary trees: nothing but small objects.
-- lua.wasm binary_trees.lua [DEPTH]; the default runs for about a second, 16 for several.
-- A tree of depth d has 2^(d+1) - 1 nodes, which is what every count is checked against.

local depth = tonumber(arg[1]) or 14

local function build(d)
  if d == 0 then return {} end
  return {build(d - 1), build(d - 1)}
end

local function count(tree)
  local left, right = tree[1], tree[2]
  return left and 1 + count(left) + count(right) or 1
end

local function nodes(d) return (1 << (d + 1)) - 1 end

local long_lived = build(depth)
for d = 4, depth, 2 do
  local trees, total = 1 << (depth - d + 4), 0
  for _ = 1, trees do total = total + count(build(d)) end
  assert(total == trees * nodes(d), 'a node was lost')
  print(('%6d trees of depth %2d: %8d nodes'):format(trees, d, total))
end
assert(count(long_lived) == nodes(depth), 'the long-lived tree changed')
print(('long-lived tree of depth %d: %d nodes'):format(depth, nodes(depth)))
