-- Objects with methods and inheritance, closures that keep state, a queue of events: a bank whose
-- money is conserved by every transfer.

local accounts_wanted, events_wanted = 2000, tonumber(arg[1]) or 200000

local seed = 42
local function random(n)
  seed = (seed * 1103515245 + 12345) & 0x7fffffff
  return (seed >> 8) % n + 1
end

local Account = {}
Account.__index = Account
function Account.new(id, balance)
  return setmetatable({id = id, balance = balance, history = {}}, Account)
end
function Account:add(amount)
  self.balance = self.balance + amount
  local history = self.history
  history[#history + 1] = {amount = amount, after = self.balance}
  if #history > 20 then self.history = {history[#history]} end
end

local Savings = setmetatable({}, {__index = Account})
Savings.__index = Savings
function Savings.new(id, balance)
  local self = setmetatable(Account.new(id, balance), Savings)
  self.withdrawals = 0
  return self
end
function Savings:add(amount)
  if amount < 0 then self.withdrawals = self.withdrawals + 1 end
  Account.add(self, amount)
end

local function counter()
  local n = 0
  return function(by)
    n = n + by
    return n
  end
end

local accounts, start = {}, 0
for id = 1, accounts_wanted do
  local balance = random(1000)
  accounts[id] = (id % 4 == 0 and Savings or Account).new(id, balance)
  start = start + balance
end

-- An event is a closure; it runs later and may put off another one.
local queue, first, last, done, late = {}, 1, 0, counter(), counter()
local function post(event)
  last = last + 1
  queue[last] = event
end
local function transfer(from, to, amount, again)
  return function()
    accounts[from]:add(-amount)
    accounts[to]:add(amount)
    done(1)
    if again then
      late(1)
      post(transfer(to, from, amount // 2, false))
    end
  end
end
local posted = 0
while posted < events_wanted do
  local put_off = 0
  for _ = 1, 1000 do
    local again = random(5) == 1
    post(transfer(random(accounts_wanted), random(accounts_wanted), random(50), again))
    put_off = put_off + (again and 1 or 0)
  end
  posted = posted + 1000 + put_off
  while first <= last do
    queue[first]()
    queue[first] = nil
    first = first + 1
  end
  queue, first, last = {}, 1, 0
end

local sum, savings = 0, 0
for _, account in ipairs(accounts) do
  sum = sum + account.balance
  local newest = account.history[#account.history]
  assert(not newest or newest.after == account.balance, 'a history is wrong')
  savings = savings + (account.withdrawals or 0)
end
assert(sum == start, 'money appeared or vanished')
assert(done(0) == posted, 'an event was lost')
print(('%d transfers, %d of them put off, %d from savings; %d before, %d after'):format(
  done(0), late(0), savings, start, sum))
