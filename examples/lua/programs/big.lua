-- More than 512 MiB alive at once, in blocks of very different sizes, all read back.
-- lua.wasm big.lua [MIB]

local wanted = tonumber(arg[1]) or 520

-- One mebibyte: a long string, and a list of small tables and strings; n makes each different.
local function mebibyte(n)
  local items = {}
  for i = 1, 400 do items[i] = {n, i, 'item ' .. n .. ' ' .. i} end
  return {text = (('%08x'):format(n)):rep(124 * 1024), items = items}
end

local function check(block, n)
  local text = block.text
  assert(#text == 8 * 124 * 1024 and tonumber(text:sub(1, 8), 16) == n)
  assert(tonumber(text:sub(-8), 16) == n and tonumber(text:sub(496 * 1024 + 1, 496 * 1024 + 8), 16) == n)
  for i, item in ipairs(block.items) do
    assert(item[1] == n and item[2] == i and item[3] == 'item ' .. n .. ' ' .. i)
  end
end

local blocks = {}
while collectgarbage('count') < wanted * 1024 do blocks[#blocks + 1] = mebibyte(#blocks + 1) end
collectgarbage()
assert(collectgarbage('count') >= wanted * 1024 * 0.98, 'what was counted is gone')
for n, block in ipairs(blocks) do check(block, n) end

-- Drop every other one and fill the holes with blocks of another size.
for n = 2, #blocks, 2 do blocks[n] = {text = '', items = {}} end
collectgarbage()
local filler = {}
for n = 1, wanted // 4 do filler[n] = ('x'):rep(1 << 20) .. n end
for n = 1, #blocks, 2 do check(blocks[n], n) end
for n, text in ipairs(filler) do assert(#text == (1 << 20) + #tostring(n)) end
print(('%d MiB alive, then half of it dropped and the holes filled: all contents right'):format(wanted))
