/** How the program ended, in words. */

import { byId, make } from './dom.js';
import { bytes, seconds } from './format.js';
import { holderText } from './log.js';

/** @typedef {import('../protocol.js').Ended} Ended */
/** @typedef {import('../../../src/index.js').HeapEvent} HeapEvent */

/** @param {Ended} ended  @param {HeapEvent | null} refusal  the last request that got nothing
 *  @returns {{kind: 'good' | 'warn' | 'bad', pill: string, title: string, text: string}} */
export function resultText({ result, exitCode, time }, refusal) {
  const after = `after ${seconds(time)}`;
  switch (result) {
    case 'done':
      return { kind: 'good', pill: `ended ${after}`, title: `Ended ${after}`, text: '' };
    case 'stopped':
      return { kind: 'warn', pill: 'stopped', title: `Stopped ${after}`, text: '' };
    case 'exit':
      return {
        kind: 'warn',
        pill: `exit code ${exitCode}`,
        title: `Ended ${after} with exit code ${exitCode}`,
        text: '',
      };
    case 'memory':
      return {
        kind: 'bad',
        pill: 'out of memory',
        title: `Out of memory ${after}`,
        text: refusalText(refusal),
      };
    case 'trap':
      return {
        kind: 'bad',
        pill: 'trapped',
        title: `Trapped ${after}`,
        text: refusal ? refusalText(refusal) : '',
      };
    default:
      return { kind: 'bad', pill: 'error', title: `Ended with an error ${after}`, text: '' };
  }
}

/** @param {HeapEvent | null} refusal  @returns {string} why there was none, and what helps */
function refusalText(refusal) {
  if (!refusal) return '';
  const asked = bytes(refusal.bytes);
  if (refusal.type === 'oom') {
    return `Linear memory could not grow for a request of ${asked}: the module’s own maximum, or the browser’s, is reached.`;
  }
  const whose = refusal.domain === 'heap' ? 'the heap' : `the ${refusal.domain} domain`;
  return (
    `The hard limit of ${whose} refused a request of ${asked}. The program was told so and could have gone on; `
    + 'what it held is still sound. Raise the limit, or take it off, and run it again.'
  );
}

/** @param {string} message  of Lua, or the traceback of Python
 *  @returns {number} the innermost line of the program that it names; 0: none */
export function lineOf(message) {
  const python = [...message.matchAll(/^ *File "[^"/]+", line (\d+)/gm)].at(-1);
  return Number((python ?? /:(\d+):/.exec(message))?.[1] ?? 0);
}

/** What a person looks for first: the error itself.  Python says it last, Lua first.
 *  @param {string} message  @returns {{first: string, rest: string}} */
export function split(message) {
  const lines = message.split('\n');
  if (!/^Traceback |^ +File "/.test(message)) {
    return { first: lines[0] ?? '', rest: lines.slice(1).join('\n') };
  }
  // After the last indented line: an exception may have a text of several lines.
  const from = lines.findLastIndex((line) => /^\s+(File|\^|~|\S)/.test(line)) + 1;
  return { first: lines.slice(from).join('\n') || (lines.at(-1) ?? ''), rest: message };
}

/** @param {Ended} ended
 *  @param {{refusal: HeapEvent | null, holder: import('../protocol.js').Holder | null}} memory  the
 *    last request that got nothing, and who held most then
 *  @param {((line: number) => void) | null} goTo  shows a line of the program
 *  @returns {ReturnType<typeof resultText>} */
export function showResult(ended, { refusal, holder }, goTo) {
  const words = resultText(ended, refusal);
  const box = byId('result');
  box.hidden = false;
  box.dataset['kind'] = words.kind;
  box.replaceChildren(make('strong', {}, words.title));
  const message = ended.result === 'done' || ended.result === 'stopped' ? '' : ended.message;
  const { first, rest } = split(message);
  if (message) box.append(make('pre', { class: 'error' }, first));
  const line = lineOf(message);
  if (goTo && line > 0) box.append(goToButton(line, goTo));
  if (words.text) box.append(make('p', {}, words.text));
  if (words.kind === 'bad' && refusal && holder) {
    const text = holderText(holder);
    box.append(make('p', { class: 'holder' }, `${text.charAt(0).toUpperCase()}${text.slice(1)}.`));
  }
  if (rest) box.append(make('pre', {}, rest));
  return words;
}

/** @param {number} line  @param {(line: number) => void} goTo  @returns {HTMLButtonElement} */
function goToButton(line, goTo) {
  const button = make('button', { type: 'button', class: 'quiet' }, `Go to line ${line}`);
  button.addEventListener('click', () => goTo(line));
  return button;
}
