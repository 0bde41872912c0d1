/** Errors as the page shows them: a code and a sentence that says what to do. */

import { PymallocError } from '../../src/errors.js';

/** @typedef {import('./protocol.js').Failure} Failure */

/** An error of the page's own, see Failure for the codes. */
export class PageError extends Error {
  /** @param {string} code  @param {string} message  @param {ErrorOptions} [options] */
  constructor(code, message, options) {
    super(message, options);
    this.name = 'PageError';
    this.code = code;
  }
}

/** The program was stopped by the page; thrown into whoever runs it. */
export class Stopped extends Error {}

/** @param {unknown} error  @returns {Failure} */
export function failureOf(error) {
  if (error instanceof PageError || error instanceof PymallocError) {
    return { code: error.code, message: error.message };
  }
  return { code: 'UNKNOWN', message: `${error}. This should not happen: reload the page` };
}

/** @param {unknown} error  thrown by the guest or around it
 *  @returns {string} one line: the engine's words */
export function wordsOf(error) {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
