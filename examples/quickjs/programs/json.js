// Documents of a shop: built, written as JSON, read back, changed, compared.  ES5, for Duktape too.
//   json.js [ROUNDS]
'use strict';
var rounds = Number(scriptArgs[1] || 20);
var seed = 12345;
function random(n) {
  seed = (seed * 1103515245 + 12345) % 2147483648;
  return Math.floor(seed / 65536) % n;
}
var words = ('chair table lamp sofa mirror carpet shelf desk curtain vase clock candle blanket ' +
  'cushion basket hook drawer frame stool bench').split(' ');
function title() {
  var parts = [];
  for (var i = 0; i <= random(4); i++) parts.push(words[random(words.length)]);
  return parts.join(' ') + ' "' + random(1000) + '"\n';
}
function article(id) {
  return {
    id: id, title: title(), price: random(100000) / 100, stock: random(50), active: random(5) > 0,
    tags: [words[random(20)], words[random(20)]], parent: null,
    size: { width: random(300), height: random(300), depth: random(300) },
    reviews: reviews(random(4))
  };
}
function reviews(n) {
  var list = [];
  for (var i = 0; i < n; i++) {
    list.push({ by: 'user' + random(5000), stars: 1 + random(5), text: title() + title() });
  }
  return list;
}
function equal(a, b) {
  if (a === null || typeof a !== 'object') return a === b;
  var keys = Object.keys(a);
  return keys.length === Object.keys(b).length &&
    keys.every(function (k) { return equal(a[k], b[k]); });
}
var bytes = 0, cheap = 0, same = 0;
var shop = [];
for (var round = 0; round < rounds; round++) {
  for (var i = 0; i < 60; i++) shop.push(article(shop.length));
  if (shop.length > 400) shop.splice(0, 90);
  var text = JSON.stringify(shop);
  var copy = JSON.parse(text);
  if (equal(shop, copy)) same++;
  bytes += text.length;
  copy.forEach(function (a) {
    a.price = Math.round(a.price * 95) / 100;
    if (a.price < 100) cheap++;
  });
  shop = JSON.parse(JSON.stringify(copy, null, round % 3));
}
print('rounds', rounds, 'characters', bytes, 'equal', same, 'cheap', cheap, 'left', shop.length);
