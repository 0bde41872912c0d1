// A splay tree that lives on while nodes with small payloads come and go.  ES5, for Duktape too.
//   splay.js [NODES] [CHANGES]
'use strict';
var nodes = Number(scriptArgs[1] || 6000), changes = Number(scriptArgs[2] || 30000);
var seed = 49734321;
function random() {
  seed = ((seed + 0x7ed55d16) + (seed << 12)) & 0xffffffff;
  seed = ((seed ^ 0xc761c23c) ^ (seed >>> 19)) & 0xffffffff;
  seed = ((seed + 0x165667b1) + (seed << 5)) & 0xffffffff;
  return (seed & 0xfffffff) / 0x10000000;
}

function Node(key, value) { this.key = key; this.value = value; this.left = this.right = null; }
function Tree() { this.root = null; this.size = 0; }

// Top down: brings the node of the key, or the last one met on the way, to the root.
Tree.prototype.splay = function (key) {
  if (!this.root) return;
  var side = new Node(0, null), left = side, right = side, t = this.root, u;
  for (;;) {
    if (key < t.key) {
      if (!t.left) break;
      if (key < t.left.key) {
        u = t.left; t.left = u.right; u.right = t; t = u;
        if (!t.left) break;
      }
      right.left = t; right = t; t = t.left;
    } else if (key > t.key) {
      if (!t.right) break;
      if (key > t.right.key) {
        u = t.right; t.right = u.left; u.left = t; t = u;
        if (!t.right) break;
      }
      left.right = t; left = t; t = t.right;
    } else break;
  }
  left.right = t.left; right.left = t.right;
  t.left = side.right; t.right = side.left;
  this.root = t;
};
Tree.prototype.insert = function (key, value) {
  this.splay(key);
  if (this.root && this.root.key === key) return false;
  var node = new Node(key, value);
  var root = this.root;
  if (root && key > root.key) { node.left = root; node.right = root.right; root.right = null; }
  else if (root) { node.right = root; node.left = root.left; root.left = null; }
  this.root = node;
  this.size++;
  return true;
};
Tree.prototype.remove = function (key) {
  this.splay(key);
  if (!this.root || this.root.key !== key) return null;
  var gone = this.root, right = gone.right;
  if (!gone.left) this.root = right;
  else { this.root = gone.left; this.splay(key); this.root.right = right; }
  this.size--;
  return gone;
};
Tree.prototype.below = function (key) {        // the greatest key under it
  this.splay(key);
  if (this.root.key < key) return this.root;
  var t = this.root.left;
  while (t && t.right) t = t.right;
  return t;
};

function payload(depth, key) {
  if (depth === 0) return { array: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], text: 'leaf of ' + key };
  return { left: payload(depth - 1, key), right: payload(depth - 1, key) };
}
var tree = new Tree(), lost = 0;
function insertNew() {
  var key;
  do key = random(); while (!tree.insert(key, payload(2, key.toFixed(6))));
  return key;
}
for (var i = 0; i < nodes; i++) insertNew();
for (i = 0; i < changes; i++) {
  var key = insertNew(), old = tree.below(key);
  if (tree.remove(old ? old.key : key)) lost++;
}
function depth(t) { return t ? 1 + Math.max(depth(t.left), depth(t.right)) : 0; }
print('nodes', tree.size, 'replaced', lost, 'root', tree.root.key.toFixed(9),
  tree.root.value.left.left.text, 'deep', depth(tree.root) > 10);
