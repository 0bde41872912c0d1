// An interpreter's own tests, on this library's allocators and on wasi-libc's malloc: what a module
// prints and its exit code must be the same on all of them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const command = fileURLToPath(new URL('../js/bin/wasm-pymalloc.js', import.meta.url));

/** The modules that PYM_MODULES names, by what comes before their allocators: the adapter, the
 *  library as malloc, wasi-libc's malloc.
 *  @type {Readonly<Record<string, string>>} */
const [adapter, malloc, libc] = (process.env.PYM_MODULES ?? '').split(':');
const MODULES = { adapter, malloc, libc };

/** What each module does with a script of this text.
 *  @param {string} name  of the script's file  @param {string} text
 *  @returns {Record<string, {status: number | null, stdout: string, stderr: string}>} */
export function outcomes(name, text) {
  const folder = mkdtempSync(join(tmpdir(), 'pymalloc-suite-'));
  try {
    writeFileSync(join(folder, name), text);
    return Object.fromEntries(
      Object.entries(MODULES).map(([allocator, module]) => {
        const args = ['--no-warnings', command, 'run', '--dir', '.', module, name];
        const { status, stdout, stderr } = spawnSync(process.execPath, args, {
          cwd: folder,
          encoding: 'utf8',
          maxBuffer: 1 << 26,
        });
        return [allocator, { status, stdout, stderr }];
      }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}
