/** What the page and the worker that runs a guest say to each other.  Types only: this file has no
 *  code but a few constants.
 *
 *  The page never speaks to the worker itself: client.js does (class Guest), which numbers the
 *  requests, returns promises and replaces a worker that does not answer.
 *
 *  Life of a worker:
 *
 *    page:    open ------------- run ------------------------------ run ...
 *    worker:        ready              state frame* output* ended
 *
 *    opened once, with one kind of guest; `run` as often as wished, one program at a time.
 *    While a program runs the worker looks at messages between slices of it (see Controls); frames
 *    come 60 a second at the most, and not before the page acknowledged the last but one.
 *    Requests (those with an `id`) get exactly one reply each, in any order. */

/** @typedef {import('../../src/stats.js').HeapStats} HeapStats */
/** @typedef {import('../../src/map.js').HeapMap} HeapMap */
/** @typedef {import('../../src/events.js').HeapEvent} HeapEvent */
/** @typedef {import('../../src/heap.js').Limits} Limits */

// ---- What to run ----

/** Lua on the library; `base` is the URL of the folder with lua.mjs and lua.wasm.
 *  @typedef {object} LuaSpec
 *  @property {'lua'} kind
 *  @property {string} base */

/** Python: a stock Pyodide; `base` is the URL of the folder with pyodide.mjs and what it needs, `wasm`
 *  that of this package's pyodide.wasm.
 *  @typedef {object} PyodideSpec
 *  @property {'pyodide'} kind
 *  @property {string} base
 *  @property {string} wasm */

/** Any other module: a WASI command, a freestanding module, or with `glue` an Emscripten program.
 *  @typedef {object} ModuleSpec
 *  @property {'module'} kind
 *  @property {string} name     of the file, for messages and as the program's name
 *  @property {ArrayBuffer | string} wasm  the bytes, or a URL to fetch them from
 *  @property {string | null} glue  text of Emscripten's .js; null: none, a WASI or plain module
 *  @property {string[]} args   without the program's name
 *  @property {Record<string, string>} env
 *  @property {string} stdin    all of standard input */

/** @typedef {LuaSpec | PyodideSpec | ModuleSpec} GuestSpec */

/** A program for a guest that takes programs (`ready.guest.language`); others have only the one
 *  they are, and `run` starts it.
 *  @typedef {object} Program
 *  @property {string} name    shown in error messages: "name:12: ..."
 *  @property {string} source */

// ---- Page to worker ----

/** First message, once; answered by ready or refused.
 *  @typedef {{type: 'open', spec: GuestSpec}} Open */

/** Starts the program in a fresh instance: memory begins small again.  With `keep` in the instance
 *  of the last run, whose linear memory stays as large as it got (Lua and Python).
 *  @typedef {object} Run
 *  @property {'run'} type
 *  @property {Program | null} program
 *  @property {boolean} keep
 *  @property {PartialLimits} limits  set before the first instruction
 *  @property {number} [every]  bytes between two samples of who allocates; 0 or none: no samples */

/** @typedef {{all?: PartialLimit, heap?: PartialLimit, raw?: PartialLimit, mem?: PartialLimit,
 *    object?: PartialLimit}} PartialLimits
 *  @typedef {{soft?: number | null, hard?: number | null}} PartialLimit  bytes; null takes it off */

/** `pause` and `resume` take effect between two slices; a paused guest answers requests.
 *  `stop` ends the program at the next slice, as `ended` with result 'stopped'.
 *  @typedef {{type: 'pause' | 'resume' | 'stop'}} Command */

/** The page has drawn frame `seq`.  `buffer`: that of a map which it needs no more, for a later one
 *  (transferred).
 *  @typedef {{type: 'ack', seq: number, buffer: ArrayBuffer | null}} Ack */

/** How the page wants to watch: `fps` frames a second at the most (0: none but the last), with or
 *  without maps, and which heap (its id, 1 is the default heap; once it is gone, 1).
 *  Worker's defaults: 60, true, 1.
 *  @typedef {object} Watch
 *  @property {'watch'} type
 *  @property {number} fps
 *  @property {boolean} map
 *  @property {number} heap */

/** Requests by name: parameters and what the reply's value is.
 *
 *  | name         | parameters        | value                                                    |
 *  |--------------|-------------------|----------------------------------------------------------|
 *  | `limits`     | {limits}          | Limits in force afterwards, see below                    |
 *  | `look`       | {address}         | Look: what lies there                                    |
 *  | `blocks`     | {address} of pool | Blocks: state of each block; null: no pool there now     |
 *  | `chunks`     | {from, to}        | Chunks that lie in these bytes (at most 1 MiB of them)   |
 *  | `snapshot`   | {name}            | SnapshotInfo; the worker keeps the snapshot itself       |
 *  | `difference` | {from, to}        | Difference; ids of snapshots, `to` null: now             |
 *  | `forget`     | {snapshot}        | null                                                     |
 *  | `dump`       | {}                | string: what pym_dump prints in the guest                |
 *  | `check`      | {}                | {sound, message}: pym_check                              |
 *  | `collect`    | {}                | number: bytes that a full garbage collection freed       |
 *  | `frame`      | {}                | Frame with map, now                                      |
 *  | `allocations`| {when}            | Allocations: who holds the memory, or held it            |
 *
 *  Limits are set for the program that runs.  If none does, or it has no heap yet, they are set for the
 *  next, before its first instruction, over those of its Run.
 *
 *  @typedef {'limits' | 'look' | 'blocks' | 'chunks' | 'snapshot' | 'difference' | 'forget'
 *    | 'dump' | 'check' | 'collect' | 'frame' | 'allocations'} RequestName */

/** @typedef {{type: 'request', id: number, name: RequestName, params: any}} Request */

/** @typedef {Open | Run | Command | Ack | Watch | Request} ToWorker */

// ---- Worker to page ----

/** What can be done with this guest.
 *  @typedef {object} Controls
 *  @property {boolean} programs   takes the source of a program (Lua, Python)
 *  @property {boolean} live       looks at messages while it runs: limits, requests, pause and stop
 *    work then.  false: they wait for the end of the program, and stopping means ending the worker
 *  @property {boolean} limits     exports pym_limit_set
 *  @property {boolean} dump       exports pym_dump_stderr
 *  @property {boolean} check      exports pym_check
 *  @property {boolean} collect    can be told to collect garbage
 *  @property {boolean} profile    exports pym_profile: says who allocates
 *  @property {string} sampling    one sentence: when frames are made while it runs */

/** @typedef {object} Ready
 *  @property {'ready'} type
 *  @property {{kind: 'lua' | 'pyodide' | 'wasi' | 'emscripten' | 'plain', name: string,
 *    language: 'Lua' | 'Python' | null}} guest  plain: exports functions and has no start;
 *    language: of the programs
 *  @property {Controls} controls */

/** The guest cannot be opened; the worker is of no more use.
 *  @typedef {{type: 'refused', error: Failure}} Refused */

/** So much of the guest has come, in bytes, before ready or before the program runs.  total: 0: not
 *  known.
 *  @typedef {{type: 'loading', done: number, total: number}} Loading */

/** An error in words.  `code` is one of PymallocError's, or one of
 *  `NOT_WASM` no WebAssembly module · `TRUNCATED` the file is cut short · `FETCH` could not be
 *  fetched · `IMPORTS` needs functions that the page does not have · `GLUE` the .js is not
 *  Emscripten's, or failed · `BUSY` a program runs · `NOT_RUNNING` there is no instance yet ·
 *  `WORKER` the worker failed or does not answer · `UNKNOWN` a mistake in this page.
 *  @typedef {object} Failure
 *  @property {string} code
 *  @property {string} message  what is wrong and what to do */

/** Sent when it changes.  'idle': no program was started yet, or it ended.
 *  @typedef {{type: 'state', state: 'idle' | 'running' | 'paused'}} State */

/** Text that the program wrote, in order, at most every 16 ms one.  `dropped`: bytes that were left
 *  out because it writes faster than the page reads.
 *  @typedef {{type: 'output', stream: 'stdout' | 'stderr', text: string, dropped: number}} Output */

/** What the heap was at one time.  The first comes before the first instruction, one always comes
 *  after the last; in between some are left out.  Arrays belong to the page (transferred).
 *
 *  @typedef {object} Frame
 *  @property {'frame'} type
 *  @property {number} seq      1, 2, ..; to be acknowledged
 *  @property {number} run      number of the run it belongs to, 1, 2, ..
 *  @property {number} time     milliseconds that the program has run, pauses not counted
 *  @property {HeapStats} stats  of the heap that is watched
 *  @property {Limits} limits   of the same
 *  @property {HeapSummary[]} heaps  all of the program
 *  @property {HeapMap | null} map  comes less often than stats where memory is large
 *  @property {HeapEvent[]} events  of all heaps, all since the last frame, oldest first
 *  @property {number} missed   events since the last frame that the guest had overwritten by then
 *  @property {Holder | null} holder  who holds most, if one of the events is a refusal
 *  @property {Cost} cost */

/** @typedef {{id: number, address: number}} HeapSummary */

/** The line that holds most: `bytes` of the `of` that live, both estimates.
 *  @typedef {{name: string, file: string, line: number, bytes: number, of: number}} Holder */

/** What watching costs the guest, measured in its worker.
 *  @typedef {object} Cost
 *  @property {number} share    of the time since the program's start: 0.03 is 3 %
 *  @property {number} frameMs  of a frame: reading and sending, map not counted
 *  @property {number} mapMs    of a map
 *  @property {number} mapEvery milliseconds between two maps, as it is now */

/** The program ended, after its last frame and output.
 *  'done' ended by itself · 'error' with an error of its language (`message`, with traceback) ·
 *  'memory' the same, and it was "not enough memory" · 'exit' called exit, exitCode is not 0 ·
 *  'trap' the engine ended it: message is what the engine said · 'stopped' by the page.
 *  @typedef {object} Ended
 *  @property {'ended'} type
 *  @property {number} run
 *  @property {'done' | 'error' | 'memory' | 'exit' | 'trap' | 'stopped'} result
 *  @property {number | null} exitCode
 *  @property {string} message  '' when there is nothing to say
 *  @property {number} time     milliseconds it ran */

/** @typedef {{type: 'reply', id: number, value: any}} Reply
 *  @typedef {{type: 'failed', id: number | null, error: Failure}} Failed  id null: of no request; a
 *    command could not be followed (`run` while a program runs), or watching ended because memory
 *    is not what it should be */

/** @typedef {Ready | Refused | Loading | State | Output | Frame | Ended | Reply | Failed} ToPage */

// ---- Values of replies ----

/** @typedef {import('../../src/blocks.js').Look} Look */
/** @typedef {import('../../src/blocks.js').Blocks} Blocks */
/** @typedef {import('../../src/blocks.js').Chunks} Chunks */

/** @typedef {object} SnapshotInfo
 *  @property {number} snapshot  id
 *  @property {string} name
 *  @property {number} run
 *  @property {number} time      milliseconds into the run
 *  @property {HeapStats} stats */

/** @typedef {object} Difference
 *  @property {SnapshotInfo} from
 *  @property {SnapshotInfo} to
 *  @property {import('../../src/snapshot.js').HeapDiff} diff  what `to` has more than `from` */

/** Who holds the memory, estimated from samples.
 *  @typedef {object} Allocations
 *  @property {import('../../src/profile/profile.js').When} when
 *  @property {number} every    bytes between two samples; 0: there are none, `note` says why
 *  @property {number} samples  taken so far
 *  @property {string} note     what would make the stacks say more, or ''
 *  @property {number} bytes    of all stacks
 *  @property {number} blocks
 *  @property {Readonly<import('../../src/profile/stack.js').Frame>[]} frames  each once
 *  @property {Stack[]} stacks  most bytes first
 *  @property {Sampled} sampled */

/** @typedef {object} Stack
 *  @property {number[]} frames  numbers of its frames, outermost first
 *  @property {'raw' | 'mem' | 'object'} domain
 *  @property {number} bytes
 *  @property {number} blocks
 *  @property {number} samples */

/** The sampled blocks that live, and the number of the stack of each; -1: of none that is told.
 *  @typedef {{address: Float64Array, size: Float64Array, stack: Int32Array}} Sampled */

/** Frames that may be on their way to the page without an ack. */
export const FRAMES_AHEAD = 2;
/** Bytes that `chunks` describes at the most. */
export const CHUNKS_SPAN = 1 << 20;
