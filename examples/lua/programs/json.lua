-- JSON round trips: an encoder and a decoder of our own, and documents of growing size.
-- decode(encode(x)) equals x, and encode(decode(s)) equals s since keys are written in order.

local rounds = tonumber(arg[1]) or 30

local null = setmetatable({}, {__tostring = function() return 'null' end})

-- ---- encode -----------------------------------------------------------------------------

local escapes = {['"'] = '\\"', ['\\'] = '\\\\', ['\n'] = '\\n', ['\t'] = '\\t', ['\r'] = '\\r'}
local function escape(c) return escapes[c] or ('\\u%04x'):format(c:byte()) end

local encode_value
local function encode_table(value, out)
  if #value > 0 or next(value) == nil then
    out[#out + 1] = '['
    for i, item in ipairs(value) do
      if i > 1 then out[#out + 1] = ',' end
      encode_value(item, out)
    end
    out[#out + 1] = ']'
    return
  end
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys)
  for i, key in ipairs(keys) do
    out[#out + 1] = i == 1 and '{' or ','
    encode_value(key, out)
    out[#out + 1] = ':'
    encode_value(value[key], out)
  end
  out[#out + 1] = '}'
end

function encode_value(value, out)
  local kind = type(value)
  if value == null then
    out[#out + 1] = 'null'
  elseif kind == 'table' then
    encode_table(value, out)
  elseif kind == 'string' then
    out[#out + 1] = '"' .. value:gsub('[%c"\\]', escape) .. '"'
  elseif math.type(value) == 'float' then
    out[#out + 1] = ('%.17g'):format(value)
  else
    out[#out + 1] = tostring(value)
  end
end

local function encode(value)
  local out = {}
  encode_value(value, out)
  return table.concat(out)
end

-- ---- decode -----------------------------------------------------------------------------

local function fail(at, what) error(('position %d: %s expected'):format(at, what), 0) end
local unescapes = {n = '\n', t = '\t', r = '\r'}
local literals = {['true'] = true, ['false'] = false, ['null'] = null}

local function decode_string(s, at)
  local parts = {}
  while true do
    local stop = s:find('["\\]', at) or fail(at, 'end of string')
    parts[#parts + 1] = s:sub(at, stop - 1)
    if s:sub(stop, stop) == '"' then return table.concat(parts), stop + 1 end
    local c = s:sub(stop + 1, stop + 1)
    if c == 'u' then
      parts[#parts + 1] = utf8.char(tonumber(s:sub(stop + 2, stop + 5), 16))
      at = stop + 6
    else
      parts[#parts + 1] = unescapes[c] or c
      at = stop + 2
    end
  end
end

local decode_value
-- The items of an array or an object up to `close`; each(at) reads one and returns where it ended.
local function decode_items(s, at, close, each)
  at = s:find('%S', at)
  if s:sub(at, at) == close then return at + 1 end
  while true do
    at = s:find('%S', each(at))
    local c = s:sub(at, at)
    at = at + 1
    if c == close then return at end
    if c ~= ',' then fail(at - 1, '"," or "' .. close .. '"') end
  end
end

function decode_value(s, at)
  at = s:find('%S', at) or fail(at, 'a value')
  local c = s:sub(at, at)
  if c == '"' then return decode_string(s, at + 1) end
  if c == '[' or c == '{' then
    local value = {}
    return value, decode_items(s, at + 1, c == '[' and ']' or '}', function(from)
      local key, item
      if c == '[' then
        key = #value + 1
      else
        from = s:match('^%s*"()', from) or fail(from, 'a key')
        key, from = decode_string(s, from)
        from = s:match('^%s*:()', from) or fail(from, '":"')
      end
      item, from = decode_value(s, from)
      value[key] = item
      return from
    end)
  end
  local name, stop = s:match('^(%l+)()', at)
  if name then return literals[name], stop end
  local number
  number, stop = s:match('^(%-?%d[%d.eE+-]*)()', at)
  if not number then fail(at, 'a value') end
  return math.tointeger(number) or tonumber(number), stop
end

local function decode(s)
  local value, stop = decode_value(s, 1)
  if s:find('%S', stop) then fail(stop, 'nothing more') end
  return value
end

-- ---- the program ------------------------------------------------------------------------

local function equal(a, b)
  if type(a) ~= 'table' or type(b) ~= 'table' or a == null or b == null then return a == b end
  for key, value in pairs(a) do
    if not equal(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local function document(size)
  local people = {}
  for i = 1, size do
    people[i] = {
      id = i,
      name = ('person "%d" of \\ %d\n'):format(i, size),
      ratio = i / 7,
      active = i % 3 == 0,
      parent = i % 2 == 0 and i // 2 or null,
      tags = {'a' .. i % 10, 'b' .. i % 100, ('long tag '):rep(i % 9)},
      nested = {x = {y = {z = {i, -i, i * 1000003}}}},
    }
  end
  return {people = people, count = size, empty = {}, text = ('\t|'):rep(size)}
end

local documents, bytes = 0, 0
for round = 1, rounds do
  local value = document(round * 20)
  local text = encode(value)
  local copy = decode(text)
  assert(equal(value, copy), 'the value changed')
  assert(encode(copy) == text, 'the text changed')
  documents, bytes = documents + 1, bytes + #text
end
assert(not pcall(decode, '{"a":1') and not pcall(decode, '[1 2]') and not pcall(decode, '[1]]'))
print(('%d documents, %d bytes of JSON, all round trips equal'):format(documents, bytes))
