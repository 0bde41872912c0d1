// Objects, closures, tables, arrays and strings that come and go; vargv[0] rounds.
class Node {
  left = null; right = null; name = null;
  constructor(depth) {
    name = "n" + depth;
    if (depth > 0) { left = Node(depth - 1); right = Node(depth - 1); }
  }
  function count() { return 1 + (left ? left.count() + right.count() : 0); }
}

function words(n) {
  local seen = {}, text = "";
  for (local i = 0; i < n; i++) {
    local word = "w" + (i * 7919 % 1000);
    if (word in seen) seen[word]++; else seen[word] <- 1;
    text += word + " ";
    if (text.len() > 2000) text = text.slice(1000);
  }
  local most = "", times = 0;
  foreach (word, k in seen)
    if (k > times || (k == times && word < most)) { most = word; times = k; }
  return format("%d words, %s %d times, %d letters", seen.len(), most, times, text.len());
}

function closures(n) {
  local made = [];
  for (local i = 0; i < n; i++) { local k = i; made.append(@(x) x + k); }
  return made.reduce(@(sum, f) (typeof sum == "function" ? sum(0) : sum) + f(1));
}

local rounds = vargv.len() > 0 ? vargv[0].tointeger() : 10;
for (local i = 0; i < rounds; i++) {
  local tree = Node(10), numbers = array(1000, 0);
  foreach (j, x in numbers) numbers[j] = (j * 7919 + i) % 1009;
  numbers.sort();
  local b = blob(0);
  for (local j = 0; j < 3000; j++) b.writen(j, 'i');
  print(format("%d: %d nodes, %d, %s, %d, %d bytes\n", i, tree.count(), numbers[500], words(3000),
    closures(500), b.len()));
}
