// Text: built piece by piece, split, searched by regular expressions, replaced, joined, counted.
// ES5, for Duktape too.
//   strings.js [ROUNDS]
'use strict';
var rounds = Number(scriptArgs[1] || 12);
var seed = 7;
function random(n) {
  seed = (seed * 1103515245 + 12345) % 2147483648;
  return Math.floor(seed / 65536) % n;
}
var syllables = 'ka lo mi ten ar bu dri sel on vi pra ma to ne ri'.split(' ');
function word() {
  var w = '';
  for (var i = 0; i <= random(4); i++) w += syllables[random(syllables.length)];
  return w;
}
function paragraph(n) {
  var text = '';
  for (var i = 0; i < n; i++) {
    text += (i % 9 === 0 ? word().toUpperCase() : word()) + (random(12) === 0 ? '. ' : ' ');
    if (random(40) === 0) text += '<' + word() + '@' + word() + '.org> ';
  }
  return text;
}
function wrap(text, width) {
  var lines = [], line = '';
  text.split(' ').forEach(function (w) {
    if (line.length + w.length + 1 > width) { lines.push(line); line = w; }
    else line = line ? line + ' ' + w : w;
  });
  lines.push(line);
  return lines;
}
var total = 0, mails = 0, pages = [], hash = 0;
for (var round = 0; round < rounds; round++) {
  var text = paragraph(900), counts = {};
  text.toLowerCase().split(/[^a-z]+/).forEach(function (w) { counts[w] = (counts[w] || 0) + 1; });
  var found = text.match(/<(\w+)@(\w+)\.org>/g) || [];
  mails += found.length;
  text = text.replace(/<(\w+)@(\w+)\.org>/g,
    function (all, who, where) { return who + ' at ' + where; });
  text = text.replace(/\b([a-z])(\w*)/g,
    function (all, first, rest) { return first.toUpperCase() + rest; });
  var lines = wrap(text, 72);
  lines = lines.map(function (line, i) { return ('    ' + i).slice(-4) + ' ' + line; });
  var page = lines.join('\n');
  pages.push(page);
  if (pages.length > 8) pages.shift();
  var top = Object.keys(counts);
  top.sort(function (a, b) { return counts[b] - counts[a] || (a < b ? -1 : 1); });
  for (var i = 0; i < page.length; i += 7) hash = (hash * 31 + page.charCodeAt(i)) % 1000003;
  total += page.length + top.slice(0, 10).join().length;
}
print('characters', total, 'mails', mails, 'hash', hash,
  'first', pages[pages.length - 1].slice(0, 40));
