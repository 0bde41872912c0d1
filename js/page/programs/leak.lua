-- A leak: a cache that is never emptied.  It goes on until it is stopped, or until memory ends.
-- Watch: live bytes that only rise.  Set a hard limit while it runs: "not enough memory".
-- Take a snapshot, wait, take another: the difference names the size classes that grew.

local cache = {}
local requests = 0

local function answer(request)
  local key = "request " .. request
  cache[key] = {text = ("result "):rep(8) .. request, at = os.time(), parts = {1, 2, 3}}
  return cache[key].text
end

while true do
  requests = requests + 1
  answer(requests)
  if requests % 20000 == 0 then
    print(requests .. " requests", math.floor(collectgarbage("count")) .. " KiB in use")
  end
end
