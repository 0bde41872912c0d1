-- String work: buffers that grow, many short-lived strings, searching, sorting, formatting.
-- Every result is checked against a second way to get it.

local rounds = tonumber(arg[1]) or 20

-- Words from a small generator of pseudo-random numbers, the same on every machine.
local seed = 12345
local function random(n)
  seed = (seed * 1103515245 + 12345) & 0x7fffffff
  return (seed >> 8) % n + 1
end
local letters = 'abcdefghijklmnopqrstuvwxyz'
local function word()
  local t = {}
  for i = 1, random(10) + 1 do
    local k = random(#letters)
    t[i] = letters:sub(k, k)
  end
  return table.concat(t)
end

local total_words, total_bytes, checksum = 0, 0, 0
for round = 1, rounds do
  local words, bytes = {}, 0
  for i = 1, 4000 do
    words[i] = word()
    bytes = bytes + #words[i]
  end
  local text = table.concat(words, ' ')
  assert(#text == bytes + #words - 1)

  -- Split again, reverse twice, replace there and back.
  local n = 0
  for w in text:gmatch('%a+') do
    n = n + 1
    assert(w == words[n])
  end
  assert(n == #words)
  assert(text:reverse():reverse() == text)
  local upper, replaced = text:gsub('%a', string.upper)
  assert(replaced == bytes and upper:lower() == text)

  -- Appending piece by piece copies a longer string each time.
  local grown = ''
  for i = 1, 400 do grown = grown .. words[i] .. ';' end
  assert(grown == table.concat(words, ';', 1, 400) .. ';')

  -- A large buffer, then its pieces.
  local big = text:rep(20, '\n')
  assert(#big == #text * 20 + 19 and select(2, big:gsub('\n', '')) == 19)

  table.sort(words)
  for i = 2, #words do assert(words[i - 1] <= words[i]) end
  local count = {}
  for _, w in ipairs(words) do count[w] = (count[w] or 0) + 1 end
  local sum = 0
  for w, c in pairs(count) do
    sum = sum + c
    assert(tonumber(('%d'):format(c)) == c and ('%q'):format(w) == '"' .. w .. '"')
  end
  assert(sum == #words)

  total_words, total_bytes = total_words + #words, total_bytes + #text
  for i = 1, #text, 97 do checksum = (checksum * 31 + text:byte(i)) % 1000003 end
end
print(('%d words, %d bytes of text, checksum %d'):format(total_words, total_bytes, checksum))
