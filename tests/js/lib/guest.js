/** Small WASI commands, put together byte by byte, for what no compiler is needed for. */

import { leb, sleb } from '../../../js/src/observe/binary.js';
import { encode, recordsOf } from './image.js';

const I32 = 0x7f;
/** Signatures by name: parameters, results. */
const TYPES = {
  none: [[], []],
  root: [[], [I32]],
  exit: [[I32], []],
  one: [[I32], [I32]],
  four: [[I32, I32, I32, I32], [I32]],
};
const TYPE_NAMES = Object.keys(TYPES);

export const op = {
  unreachable: [0x00],
  i32: (n) => [0x41, ...sleb(n)],
  call: (f) => [0x10, ...leb(f)],
  drop: [0x1a],
  forever: [0x03, 0x40, 0x0c, 0x00, 0x0b], // loop br 0 end
};

const text = (s) => [...leb(s.length), ...new TextEncoder().encode(s)];
const vec = (items) => [...leb(items.length), ...items.flat()];
const section = (id, body) => [id, ...leb(body.length), ...body];

/** @param {object} parts
 *  @param {[module: string, name: string, type: string][]} [parts.imports]
 *  @param {[name: string | null, type: string, body: number[]][]} [parts.functions]  exported unless
 *    the name is null; their indices follow the imports'
 *  @param {[address: number, bytes: Uint8Array][]} [parts.data]
 *  @param {Uint8Array | null} [parts.descriptor]  custom section
 *  @param {boolean} [parts.exportMemory]
 *  @returns {Uint8Array} */
export function assemble({
  imports = [],
  functions = [],
  data = [],
  descriptor = null,
  exportMemory = true,
  pages = 16,
}) {
  const type = (name) => TYPE_NAMES.indexOf(name);
  const exports = functions.flatMap(([name], i) =>
    name === null ? [] : [[...text(name), 0, ...leb(imports.length + i)]],
  );
  if (exportMemory) exports.push([...text('memory'), 2, 0]);
  const head = [
    0,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    ...section(
      1,
      vec(
        Object.values(TYPES).map(([params, results]) => [
          0x60,
          ...vec(params.map((t) => [t])),
          ...vec(results.map((t) => [t])),
        ]),
      ),
    ),
    ...section(
      2,
      vec(imports.map(([module, name, t]) => [...text(module), ...text(name), 0, type(t)])),
    ),
    ...section(3, vec(functions.map(([, t]) => [type(t)]))),
    ...section(5, vec([[0, ...leb(pages)]])),
    ...section(7, vec(exports)),
    ...section(
      10,
      vec(
        functions.map(([, , body]) => {
          const code = [0, ...body, 0x0b];
          return [...leb(code.length), ...code];
        }),
      ),
    ),
  ];
  // Data and descriptor are large: no spreading.
  const segments = data
    .map(([address, bytes]) => [
      Uint8Array.from([0, 0x41, ...sleb(address), 0x0b, ...leb(bytes.length)]),
      bytes,
    ])
    .flat();
  const length = segments.reduce((n, s) => n + s.length, 0) + leb(data.length).length;
  const chunks = [Uint8Array.from([...head, 11, ...leb(length), ...leb(data.length)]), ...segments];
  if (descriptor) {
    const name = Uint8Array.from(text('pymalloc'));
    chunks.push(Uint8Array.from([0, ...leb(name.length + descriptor.length)]), name, descriptor);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

export const WASI = 'wasi_snapshot_preview1';
const IOVEC = 15 * 65536;

/** Imports and the start of a program's memory: `print` of some text is function 0's call. */
export const printImports = [
  [WASI, 'fd_write', 'four'],
  [WASI, 'proc_exit', 'exit'],
];

/** @param {number} fd  @param {string} message  at most one a program
 *  @returns {{code: number[], data: [number, Uint8Array][]}} */
export function print(fd, message) {
  const bytes = new TextEncoder().encode(message);
  const iovec = new Uint8Array(new Uint32Array([IOVEC + 16, bytes.length]).buffer);
  return {
    code: [
      ...op.i32(fd),
      ...op.i32(IOVEC),
      ...op.i32(1),
      ...op.i32(IOVEC + 8),
      ...op.call(0),
      ...op.drop,
    ],
    data: [
      [IOVEC, iovec],
      [IOVEC + 16, bytes],
    ],
  };
}

/** A program whose memory holds the image: pym_root and the descriptor make it readable.
 *  @param {import('./image.js').Image} image  @param {number[]} body  of _start
 *  @param {object} [more]  further parts */
export function commandOver(
  image,
  body,
  { functions = [], data = [], imports = printImports } = {},
) {
  return assemble({
    imports,
    functions: [['_start', 'none', body], ['pym_root', 'root', op.i32(image.root)], ...functions],
    data: [[image.root, new Uint8Array(image.memory.buffer).slice(image.root, image.end)], ...data],
    descriptor: encode(recordsOf(image.layout)),
  });
}
