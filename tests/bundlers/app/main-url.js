/** For bundlers that do not: the file is imported, which gives its address, and passed. */
import { createHeap } from 'wasm-pymalloc';
import wasm from 'wasm-pymalloc/pymalloc.wasm';

import { show } from './show.js';

show(createHeap({ wasm: new URL(wasm, import.meta.url) }));
