/** Chrome's .heapprofile: what HeapProfiler.stopSampling of the DevTools protocol returns. */

import { frameText } from './stack.js';

/** @typedef {{callFrame: object, selfSize: number, id: number, children: Node[]}} Node */

/** @param {Readonly<import('./profile.js').Holdings>} holdings  @returns {object} */
export function toHeapProfile({ sites }) {
  let ids = 0;
  /** @type {Map<string, number>} */
  const scripts = new Map([['', 0]]);
  const scriptOf = (/** @type {string} */ file) => {
    if (!scripts.has(file)) scripts.set(file, scripts.size);
    return String(scripts.get(file));
  };
  const make = (/** @type {string} */ name, file = '', line = 0) =>
    /** @type {Node} */ ({
      // Lines count from 0 there.
      callFrame: {
        functionName: name,
        scriptId: scriptOf(file),
        url: file,
        lineNumber: line - 1,
        columnNumber: -1,
      },
      selfSize: 0,
      id: ++ids,
      children: [],
    });
  const head = make('(root)');
  /** @type {Map<string, Node>} */
  const nodes = new Map();
  /** @type {object[]} */
  const samples = [];
  for (const { frames, bytes, blocks } of sites) {
    let node = head,
      path = '';
    for (const frame of frames) {
      path += `\n${frameText(frame)}`;
      let next = nodes.get(path);
      if (!next) {
        next = make(frame.name, frame.file, frame.line);
        nodes.set(path, next);
        node.children.push(next);
      }
      node = next;
    }
    node.selfSize += bytes;
    samples.push({
      size: blocks > 0 ? Math.round(bytes / blocks) : 0,
      nodeId: node.id,
      ordinal: samples.length + 1,
    });
  }
  return { head, samples };
}
