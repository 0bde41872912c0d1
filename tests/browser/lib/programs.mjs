/** Lua programs for the page. */

/** Small tables and a long string. */
export const TABLES =
  'keep = {} for i = 1, 60000 do keep[i] = {i} end print(#keep) big = ("x"):rep(300000)';

/** Grows linear memory while the page looks. */
export const GROWS = `keep = {}
for i = 1, 150 do
  for k = 1, 2000 do keep[#keep + 1] = {i, k} end
  local until_ = os.clock() + 0.016
  while os.clock() < until_ do end
end
print("grown")`;
