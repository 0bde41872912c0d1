/** The program under workerd: `workerd test` calls test().  Modules cannot be compiled there, the
 *  configuration names them all; so does the package's own. */
import bare from './bare.wasm';
import bytes from './guest_export.bin';
import factory from './guest_emscripten.mjs';
import emscripten from './guest_emscripten.wasm';
import guest from './guest_export.wasm';
import importer from './guest_import.wasm';
import { run } from './program.js';

export default {
  async test() {
    console.log(JSON.stringify(await run({ guest, bytes, importer, bare, factory, emscripten })));
  },
};
