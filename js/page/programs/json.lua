-- JSON: writes records as text and reads them back, again and again.
-- Watch: strings and tables of many sizes, the mix that interpreters live with.

local function encode(value)
  if type(value) ~= "table" then
    return type(value) == "string" and string.format("%q", value) or tostring(value)
  end
  local out = {}
  if #value > 0 then
    for i, v in ipairs(value) do out[i] = encode(v) end
    return "[" .. table.concat(out, ",") .. "]"
  end
  for k, v in pairs(value) do out[#out + 1] = string.format("%q:%s", k, encode(v)) end
  return "{" .. table.concat(out, ",") .. "}"
end

local decode
local function list(text, at)
  local out = {}
  while text:sub(at, at) ~= "]" do
    out[#out + 1], at = decode(text, at)
    if text:sub(at, at) == "," then at = at + 1 end
  end
  return out, at + 1
end
local function record(text, at)
  local out = {}
  while text:sub(at, at) ~= "}" do
    local key
    key, at = decode(text, at)
    out[key], at = decode(text, at + 1)
    if text:sub(at, at) == "," then at = at + 1 end
  end
  return out, at + 1
end
function decode(text, at)
  local first = text:sub(at, at)
  if first == "[" then return list(text, at + 1) end
  if first == "{" then return record(text, at + 1) end
  if first == '"' then
    local last = text:find('"', at + 1, true)
    return text:sub(at + 1, last - 1), last + 1
  end
  local word, after = text:match("^([%w%.%-]+)()", at)
  return tonumber(word) or word == "true", after
end

local records = {}
for i = 1, 400 do
  records[i] = {id = i, name = "record " .. i, tags = {"a", "b", "c" .. i}, price = i / 4,
    live = true}
end
for round = 1, 60 do
  local text = encode(records)
  records = decode(text, 1)
  if round % 5 == 0 then print(round, #text .. " bytes", #records .. " records") end
end
