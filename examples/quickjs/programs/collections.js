// Maps, sets, arrays, classes, closures, generators, spread: the collections of today's JavaScript.
//   collections.js [ROUNDS]
'use strict';
const rounds = Number(scriptArgs[1] ?? 10);
let seed = 99;
const random = (n) => {
  seed = (seed * 1103515245 + 12345) % 2147483648;
  return Math.floor(seed / 65536) % n;
};

class Cache {                                     // least recently used goes first
  #entries = new Map();
  constructor(room) { this.room = room; this.hits = 0; }
  get(key, make) {
    let value = this.#entries.get(key);
    if (value !== undefined) { this.hits++; this.#entries.delete(key); } else value = make(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.room) this.#entries.delete(this.#entries.keys().next().value);
    return value;
  }
}

function* edges(n) {
  for (let i = 0; i < n; i++) yield [random(n), random(n), 1 + random(9)];
}

function shortest(n) {                            // Dijkstra over a random graph
  const graph = new Map();
  for (const [from, to, cost] of edges(n * 4)) {
    const a = from % n, b = to % n;
    if (!graph.has(a)) graph.set(a, []);
    graph.get(a).push({ to: b, cost });
  }
  const distance = new Map([[0, 0]]), done = new Set(), heap = [{ at: 0, cost: 0 }];
  while (heap.length > 0) {
    heap.sort((x, y) => y.cost - x.cost);
    const { at, cost } = heap.pop();
    if (done.has(at)) continue;
    done.add(at);
    for (const edge of graph.get(at) ?? []) {
      const next = cost + edge.cost;
      if (next >= (distance.get(edge.to) ?? Infinity)) continue;
      distance.set(edge.to, next);
      heap.push({ at: edge.to, cost: next });
    }
  }
  return [...distance.values()].reduce((sum, d) => sum + d, 0);
}

const cache = new Cache(500);
let paths = 0, grouped = 0, flat = 0, unique = 0;
for (let round = 0; round < rounds; round++) {
  paths += shortest(60 + random(20));
  const people = Array.from({ length: 400 }, (_, i) =>
    ({ id: i, name: `person ${random(900)}`, age: 18 + random(60),
      at: [random(100), random(100)] }));
  const byAge = new Map();
  for (const p of people) byAge.set(p.age, [...(byAge.get(p.age) ?? []), { ...p, round }]);
  grouped += [...byAge].filter(([, list]) => list.length > 5).length;
  flat += people.flatMap(({ at }) => at).map((x) => x * 2).filter((x) => x > 50).length;
  unique += new Set(people.map((p) => p.name)).size;
  for (let i = 0; i < 600; i++) {
    const key = `key ${Math.min(random(1500), random(1500))}`;
    cache.get(key, (k) => ({ key: k, parts: k.split(' ') }));
  }
}
print('paths', paths, 'groups', grouped, 'flat', flat, 'unique', unique, 'hits', cache.hits);
