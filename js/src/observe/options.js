/** Options of observe() and of PYM_OBSERVE. */

import { badArgument, checkNames } from '../errors.js';
import { toLimit } from '../limit.js';
import { parseLimit } from '../text.js';

/** @typedef {object} ObserveOptions
 *  @property {number | null} [limit]   bytes that may be live, 0..4294967294; default: no limit
 *  @property {number | null} [sample]  mean bytes between two requests whose call stack is kept, 1:
 *    every request; default: none
 *  @property {string} [glue]           text of the JavaScript that Emscripten made for the module:
 *    where exports have letters for names, it says which is malloc */

/** Bytes between two samples, where stacks are wanted and nothing else is said. */
export const SAMPLE_BYTES = 512 * 1024;

/** @param {unknown} options
 *  @returns {{limit: number | null, sample: number | null, glue: string}}
 *  @throws {import('../errors.js').PymallocError} BAD_ARGUMENT */
export function checkOptions(options) {
  if (typeof options !== 'object' || options === null) {
    throw badArgument(
      'observe takes an object such as { limit: 67108864, sample: 524288 }',
      options,
    );
  }
  checkNames(options, ['limit', 'sample', 'glue']);
  const { limit = null, sample = null, glue = '' } = /** @type {ObserveOptions} */ (options);
  toLimit(limit, 'limit');
  if (sample !== null && (!Number.isInteger(sample) || sample < 1 || sample > 0x7fffffff)) {
    throw badArgument('sample must be null or a whole number of bytes, 1..2147483647', sample);
  }
  if (typeof glue !== 'string') {
    throw badArgument("glue must be the text of Emscripten's JavaScript", glue);
  }
  return { limit, sample, glue };
}

/** What the variable PYM_OBSERVE says.
 *  @typedef {object} PreloadOptions
 *  @property {number | null} limit
 *  @property {number | null} sample
 *  @property {boolean} leaks          show who holds the blocks that are left
 *  @property {boolean} quiet          no report at exit
 *  @property {string | null} profile  file for a heap profile
 *  @property {string | null} json     file for the report
 *  @property {string | null} record   file for a trace */

const USAGE =
  'PYM_OBSERVE has a list such as "limit=64M,leaks,profile=heap.pb.gz": there are '
  + 'limit=BYTES, sample=BYTES, leaks, profile=FILE, json=FILE, record=FILE, quiet';

/** @param {string} text  @returns {PreloadOptions}
 *  @throws {import('../errors.js').PymallocError} BAD_ARGUMENT */
export function parseVariable(text) {
  /** @type {PreloadOptions} */
  const out = {
    limit: null,
    sample: null,
    leaks: false,
    quiet: false,
    profile: null,
    json: null,
    record: null,
  };
  for (const part of text
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean)) {
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    const value = equals < 0 ? null : part.slice(equals + 1);
    switch (name) {
      case 'leaks':
      case 'quiet':
        if (value !== null) throw badArgument(`${name} takes no value. ${USAGE}`);
        out[name] = true;
        break;
      case 'limit':
      case 'sample':
        out[name] = bytesOf(name, value);
        break;
      case 'profile':
      case 'json':
      case 'record':
        if (!value) throw badArgument(`${name} needs a file. ${USAGE}`);
        out[name] = value;
        break;
      default:
        throw badArgument(`nothing is called "${name}". ${USAGE}`);
    }
  }
  if (out.sample === null && (out.leaks || out.profile !== null)) out.sample = SAMPLE_BYTES;
  return out;
}

/** @param {string} name  @param {string | null} text  @returns {number} */
function bytesOf(name, text) {
  const bytes = parseLimit(text ?? '');
  if (bytes === null || (name === 'sample' && bytes >= 2 ** 31)) {
    throw badArgument(`${name} must be bytes such as 512K or 64M, not "${text ?? ''}". ${USAGE}`);
  }
  return bytes;
}
