/** The custom section `pymalloc`, parsed: what the library's C structures look like in this module.
 *
 *  Format (src/core/layout.h, little-endian, no padding between): a header of magic "PYMALLOC",
 *  u16 version, u16 record_bytes, u32 records; then the records: char name[24], padded with NUL,
 *  u8 group, u8 type, u8 of, u8 reserved, u16 count, u16 stride, u32 value.  Later versions append:
 *  longer records, further records and bytes behind them are passed over. */

import { PymallocTypeError, badArgument, badDescriptor } from './errors.js';

/** Groups of records.  In CONSTANTS the value is the number, elsewhere an offset. */
export const Group = Object.freeze({
  CONSTANTS: 0,
  SPACE: 1,
  HEAP: 2,
  DOMAIN: 3,
  EVENT: 4,
  SEGMENT: 5,
  POOL: 6,
  LIST: 7,
});
/** Types of fields; STRUCT is a structure of the group `of`, U48 the low 48 bits of a U64. */
export const Type = Object.freeze({ U8: 1, U16: 2, U32: 3, U64: 4, STRUCT: 5, U48: 6 });

/** Version of the section and of what its structures mean that this package reads (LAYOUT_VERSION
 *  in C). */
export const LAYOUT_VERSION = 3;
const HEADER_BYTES = 16;
const RECORD_BYTES = 36;
const NAME_BYTES = 24;
const SCALAR_BYTES = [0, 1, 2, 4, 8, 0, 8];

/** One field of a structure.
 *  @typedef {object} Field
 *  @property {string} name
 *  @property {number} type    one of Type
 *  @property {number} of      group of the elements when type is STRUCT, else 0
 *  @property {number} count   elements; 1 for a plain field
 *  @property {number} stride  bytes from one element to the next
 *  @property {number} offset  from the start of the structure */

/** @typedef {object} Descriptor
 *  @property {ReadonlyMap<string, number>} constants
 *  @property {ReadonlyMap<number, ReadonlyMap<string, Field>>} groups  fields by group and name */

/** What the library's structures look like in a module, from its custom section.
 *
 *  @example
 *  const { constants } = descriptorOf(module);
 *  assert.equal(constants.get('page_bytes'), 65536);
 *
 *  @param {WebAssembly.Module} module
 *  @returns {Descriptor}
 *  @throws {PymallocTypeError} NO_DESCRIPTOR, BAD_DESCRIPTOR, VERSION, BAD_ARGUMENT */
export function descriptorOf(module) {
  if (!(module instanceof WebAssembly.Module)) {
    throw badArgument(
      'the first argument must be a WebAssembly.Module: compile the bytes with '
        + 'WebAssembly.compile(bytes) and pass its result',
      module,
    );
  }
  const section = WebAssembly.Module.customSections(module, 'pymalloc')[0];
  if (!section) {
    throw new PymallocTypeError(
      'NO_DESCRIPTOR',
      'the module has no custom section "pymalloc": link it with libpymalloc.a (CMake target '
        + 'pymalloc::pymalloc), and do not strip custom sections afterwards (wasm-strip does); a file '
        + 'that was cut short has lost it too',
    );
  }
  return parseDescriptor(new Uint8Array(section));
}

/** The same from the contents of the section.
 *
 *  @example
 *  const [section] = WebAssembly.Module.customSections(module, 'pymalloc');
 *  const { groups } = parseDescriptor(new Uint8Array(section));
 *
 *  @param {Uint8Array} bytes  only read
 *  @returns {Descriptor}
 *  @throws {PymallocTypeError} BAD_DESCRIPTOR, VERSION, BAD_ARGUMENT */
export function parseDescriptor(bytes) {
  if (!ArrayBuffer.isView(bytes)) {
    throw badArgument(
      'the contents of the section must be a Uint8Array: '
        + "new Uint8Array(WebAssembly.Module.customSections(module, 'pymalloc')[0])",
      bytes,
    );
  }
  if (bytes.byteLength === 0) throw badDescriptor('only 0 bytes long');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { recordBytes, records } = parseHeader(view);
  /** @type {Map<string, number>} */
  const constants = new Map();
  /** @type {Map<number, Map<string, Field>>} */
  const groups = new Map();
  for (let i = 0; i < records; i++) {
    const at = HEADER_BYTES + i * recordBytes;
    const name = readName(view, at);
    const group = view.getUint8(at + NAME_BYTES);
    const value = view.getUint32(at + 32, true);
    if (group === Group.CONSTANTS) {
      if (constants.has(name)) throw badDescriptor(`constant ${name} twice`);
      constants.set(name, value);
      continue;
    }
    const fields = groups.get(group) ?? new Map();
    if (fields.has(name)) throw badDescriptor(`field ${name} twice in group ${group}`);
    const field = readField(view, at, name, value);
    if (field) fields.set(name, field);
    groups.set(group, fields);
  }
  return { constants, groups };
}

/** @param {DataView} view  @returns {{recordBytes: number, records: number}} */
function parseHeader(view) {
  if (view.byteLength < HEADER_BYTES) throw badDescriptor(`only ${view.byteLength} bytes long`);
  let magic = '';
  for (let i = 0; i < 8; i++) magic += String.fromCharCode(view.getUint8(i));
  if (magic !== 'PYMALLOC') throw badDescriptor('does not begin with PYMALLOC');
  const version = view.getUint16(8, true);
  if (version !== LAYOUT_VERSION) throw versionError(version);
  const recordBytes = view.getUint16(10, true);
  const records = view.getUint32(12, true);
  if (recordBytes < RECORD_BYTES) throw badDescriptor(`records of ${recordBytes} bytes`);
  if (records > (view.byteLength - HEADER_BYTES) / recordBytes) {
    throw badDescriptor(`cut short: ${records} records do not fit into ${view.byteLength} bytes`);
  }
  return { recordBytes, records };
}

/** @param {DataView} view  @param {number} at  @returns {string} */
function readName(view, at) {
  let name = '';
  for (let i = 0; i < NAME_BYTES; i++) {
    const c = view.getUint8(at + i);
    if (c === 0) break;
    if (c < 0x21 || c > 0x7e) throw badDescriptor(`a name holds the byte ${c}`);
    name += String.fromCharCode(c);
  }
  if (name === '') throw badDescriptor('a record without a name');
  return name;
}

/** @param {DataView} view  @param {number} at  @param {string} name  @param {number} offset
 *  @returns {Field | null} null for a type that a later version may have added */
function readField(view, at, name, offset) {
  const type = view.getUint8(at + 25);
  const of = view.getUint8(at + 26);
  const count = view.getUint16(at + 28, true);
  const stride = view.getUint16(at + 30, true);
  if (type > Type.U48) return null;
  const least = type === Type.STRUCT ? 1 : (SCALAR_BYTES[type] ?? 0);
  if (type === 0 || count === 0 || (count > 1 && stride < least)) {
    throw badDescriptor(`field ${name} has type ${type}, count ${count}, stride ${stride}`);
  }
  return { name, type, of, count, stride, offset };
}

/** @param {Field} field  a field that is not a structure
 *  @returns {number} bytes from the start of the structure to the end of the field */
export function fieldEnd(field) {
  return field.offset + (field.count - 1) * field.stride + (SCALAR_BYTES[field.type] ?? 0);
}

/** @param {number} found  @returns {PymallocTypeError} */
export function versionError(found) {
  const advice =
    found > LAYOUT_VERSION
      ? 'update this package (npm install wasm-pymalloc@latest)'
      : 'link the module again with a current wasm-pymalloc';
  return new PymallocTypeError(
    'VERSION',
    `the module's layout has version ${found}, this package reads ${LAYOUT_VERSION}: ${advice}`,
  );
}

/** @param {Field} field  @param {string} wanted
 *  @returns {PymallocTypeError} */
export function badField(field, wanted) {
  const { name, type, count, stride, offset } = field;
  return badDescriptor(
    `field ${name} (type ${type}, count ${count}, stride ${stride}, at `
      + `${offset}) should be: ${wanted}`,
  );
}
