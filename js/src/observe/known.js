/** Modules whose allocator is known, so that it is not searched: by length, then by SHA-256.
 *
 *  Written by `node js/tools/known.mjs`; tests/observe/known.test.mjs holds it current. */

/** @typedef {import('./prove.js').Role} Role */
/** @typedef {import('./roles.js').RoleName} RoleName */
/** @typedef {readonly [length: number, sha256: string, name: string,
 *    ...roles: (readonly [RoleName, number, number?])[]]} Entry */

/** @type {readonly Entry[]} */
export const KNOWN = [
  [503134, '105c3bed22d457e43e3d1c3c1c6959fda62a8fe06f0fc8a985303c3a2be72232', '@jitl/quickjs-wasmfile-release-sync@0.32.0/dist/emscripten-module.wasm',
    ['malloc', 150], ['free', 142], ['realloc', 775]],
  [1027523, 'b790f3842eef48d154984cea48d35303b5c3c3696fedab4dc79f314bde005dba', '@jitl/quickjs-wasmfile-release-asyncify@0.32.0/dist/emscripten-module.wasm',
    ['malloc', 151], ['free', 143], ['realloc', 775]],
  [638148, 'c0bd8f296e18cf074969f6401b9ecb72609a1323818ec2b9bf7a8f8d740d1363', 'quickjs-wasi@3.7.0/quickjs.wasm',
    ['malloc', 1662], ['free', 1664], ['realloc', 619], ['calloc', 613]],
  [688280, '6918fd54c1192011b85af0365a819411285bb5579b9ae6a7308778a1750a2765', 'sql.js@1.17.0/dist/sql-wasm.wasm',
    ['malloc', 244], ['free', 243], ['realloc', 1829, 8], ['memalign', 1265]],
  [879084, 'b8a92a19f441a90ff2339fe988fbe317c4adf3ed844096f12aee04aa72d58257', '@sqlite.org/sqlite-wasm@3.54.1-build1/dist/sqlite3.wasm',
    ['malloc', 2717], ['free', 2719], ['realloc', 2720], ['memalign', 2723]],
  [271581, '95f3f19ddb740125883bc41d5ec670cd0828e7b58c8bdad385323cbff497b55c', 'wasmoon@1.16.0/dist/glue.wasm',
    ['malloc', 657], ['free', 660], ['realloc', 661]],
  [23485474, 'a72af06ad960905d5d8dd5240203fc27bf05dc188410b6f310c603afd14c9b2f', '@php-wasm/node-8-3@3.1.56/asyncify/8_3_33/php_8_3.wasm',
    ['malloc', 204], ['free', 152], ['realloc', 277], ['memalign', 8759], ['calloc', 287], ['calloc', 334]],
  [23252275, '7a99d38c7b816498f427533947a9164b2e2e9fefff81f6cf44bdecaae52d26fb', '@php-wasm/node-8-3@3.1.56/jspi/8_3_33/php_8_3.wasm',
    ['malloc', 154], ['free', 102], ['realloc', 227], ['memalign', 12563], ['calloc', 235], ['calloc', 284]],
  [16655034, 'e64fa4c82cbbb62044648b0a15b96f3486ff3ecbab7bb7a3df11b4ee3e907ddc', '@ruby/3.4-wasm-wasi@2.10.1/dist/ruby.wasm',
    ['malloc', 17290], ['free', 17293], ['realloc', 17295], ['memalign', 17298], ['calloc', 17294]],
  [30635497, '4b814fc9d13505ea5b4c1f3bd3a7cc7ccca137f551196b9b21f0a7caf9cc5878', '@ruby/3.4-wasm-wasi@2.10.1/dist/ruby+stdlib.wasm',
    ['malloc', 17290], ['free', 17293], ['realloc', 17295], ['memalign', 17298], ['calloc', 17294]],
  [433743, '06338c955b03c5700aa0069015d3e392d76836ef8e2ce25bedbe59b88ccd373c', '@micropython/micropython-webassembly-pyscript@1.27.0/micropython.wasm',
    ['malloc', 1478], ['free', 1480], ['realloc', 1481], ['calloc', 1484]],
  [210688, '488beeff7adb7fd7e21e97cc29a43dc6d031977755eda892d6d96c7f456cfdec', 'web-tree-sitter@0.27.2/web-tree-sitter.wasm',
    ['malloc', 34], ['free', 51], ['realloc', 94], ['calloc', 42]],
  [2478606, '22bf6e9f9a100d972da0411a69c5ba504367fc1fa87b3b64e3f35e53926d2d70', '@resvg/resvg-wasm@2.6.2/index_bg.wasm',
    ['malloc', 102], ['free', 398], ['rustRealloc', 499], ['memalign', 766]],
  [370188, 'd2a3ac80c91980d5d321c116454834ff36264825c6d1794cc84e42288f158958', 'draco3d@1.5.7/draco_encoder.wasm',
    ['malloc', 166], ['free', 4]],
  [285948, '2516a4e43526d71787bf2f678f951329f7f858f8f15f42d4bc9e370b31a0da3a', 'draco3d@1.5.7/draco_decoder.wasm',
    ['malloc', 131], ['free', 7]],
  [71736, '7ba9c9483c8c38a468e9aef4a95ed72fad8a43594be8e5123eb3bdb6479edf5b', 'yoga-layout@3.2.1/dist/binaries/yoga-wasm-base64-esm.js',
    ['malloc', 97], ['free', 35]],
  [8645967, '5effb6a1a6cc4a1a85bec4622701aa797c031e1de923cbbaf2ad47abdc4ab325', 'pyodide@0.28.3/pyodide.asm.wasm',
    ['malloc', 9779], ['free', 9780], ['realloc', 9781]],
  [8647684, '54309a5a2cfd757b1f0fdbc9093c92503f7b341500110329d932487183912718', 'pyodide@0.29.5/pyodide.asm.wasm',
    ['malloc', 9782], ['free', 9783], ['realloc', 9784]],
  [9598218, 'cc36e3cab04fdfc9a63ff13eb52eae2b911bf46c025cc7b281f394bd3de1d5e6', 'pyodide@314.0.7/pyodide.asm.wasm',
    ['malloc', 14534], ['free', 14535], ['realloc', 14536], ['memalign', 14540], ['calloc', 14557]],
  [9982568, '0ba52a7336d0cb4c96421c92ccb5806eafc5985105e3c0dbd3affbe51c57c0e8', 'pyodide@315.0.0-alpha.2/pyodide.asm.wasm',
    ['malloc', 15053], ['free', 15054], ['realloc', 15056], ['memalign', 15060], ['calloc', 15055]],
];

const LENGTHS = new Set(KNOWN.map(([length]) => length));

/** @param {number} length  of a file
 *  @returns {boolean} it may be a known one: worth a hash */
export function hasLength(length) {
  return LENGTHS.has(length);
}

/** @param {number} length  @param {string} sha256
 *  @returns {readonly Role[] | null} null: not known */
export function knownRoles(length, sha256) {
  const entry = KNOWN.find((one) => one[0] === length && one[1] === sha256);
  if (!entry) return null;
  const [, , , ...roles] = entry;
  return roles.map(([role, f, prefix = 0]) => ({ role, f, prefix, least: 0 }));
}
