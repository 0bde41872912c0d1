/** For bundlers that understand `new URL(..., import.meta.url)`: nothing is said of the wasm file. */
import { createHeap } from 'wasm-pymalloc';

import { show } from './show.js';

show(createHeap());
