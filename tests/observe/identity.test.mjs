/** What a rewritten module says of itself: what is not that is taken for nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decodeIdentity, encodeIdentity } from '../../js/src/observe/identity.js';

const identity = {
  id: 7,
  functions: 3,
  dataEnd: 1024,
  how: 'export',
  roles: [{ role: 'malloc', f: 1, prefix: 0, least: 8 }],
};
const plain = JSON.parse(new TextDecoder().decode(encodeIdentity(identity)));
const decoded = (value) => decodeIdentity(new TextEncoder().encode(JSON.stringify(value)));

test('an identity is read as it was written', () => {
  assert.deepEqual(decoded(plain), identity);
});

for (const [what, change] of Object.entries({
  'another version': { version: plain.version + 1 },
  'an id that is none': { id: 'x' },
  'functions that are no number': { functions: null },
  'an end that is no number': { dataEnd: 1.5 },
  'a way that is no text': { how: 5 },
  'roles that are no list': { roles: {} },
  'a role that is no list': { roles: [5] },
  'a role that there is not': { roles: [['toString', 1, 0, 0]] },
  'a role without a function': { roles: [['malloc', 'f', 0, 0]] },
  'a role without a prefix': { roles: [['malloc', 1, null, 0]] },
  'a role without a least size': { roles: [['malloc', 1, 0]] },
})) {
  test(`${what} is no identity`, () => assert.equal(decoded({ ...plain, ...change }), null));
}

test('what is no JSON is no identity', () => {
  assert.equal(decodeIdentity(Uint8Array.of(1, 2, 3)), null);
});
