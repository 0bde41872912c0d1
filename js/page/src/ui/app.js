/** The page: what a person does, the guest's answers, and what is shown of them. */

import { isRefusal } from '../sampler.js';
import { Allocations } from './allocations.js';
import { Chart } from './chart.js';
import { ClassTable } from './classes.js';
import { Details } from './details.js';
import { CHUNK_SCALE } from './paint.js';
import { Domains } from './domains.js';
import { Editor } from './editor.js';
import { HeapMap } from './heapmap.js';
import { Log } from './log.js';
import { Looking } from './looking.js';
import { Programs } from './programs.js';
import { Runner } from './runner.js';
import { Snapshots, snapshotName } from './snapshots.js';
import { Terminal } from './terminal.js';
import { byId, make, setText, throttled } from './dom.js';
import { bytes } from './format.js';
import { detailAt } from './geometry.js';
import { followTabs } from './tabs.js';
import { unitsHeldBy } from './holdings.js';
import { followTheme } from './theme.js';
import { showLegend } from './legend.js';
import { showResult } from './result.js';
import { showTotals } from './totals.js';
import { liveBytes, summary } from './describe.js';

/** @typedef {import('../protocol.js').Frame} Frame */
/** @typedef {import('../protocol.js').Ended} Ended */
/** @typedef {import('../protocol.js').Ready} Ready */
/** @typedef {import('../../../src/index.js').HeapEvent} HeapEvent */

/** What changes text or the chart makes the browser lay out and draw more than the map: so these come
 *  together, and seldom enough to be read. */
const FIGURES_MS = 500;
const SUMMARY_MS = 2000;
const HEAPS_SHOWN = 200;

/** What each scale of the map shows, for the line above it. */
const DETAILS = {
  memory: 'a square is a page of 64 KiB',
  pages: 'a square is a page of 64 KiB, 4 × 4 pools of 4 KiB',
  pools: 'pools of 4 KiB, four rows of four to a page',
  blocks: 'the blocks of pools, raw blocks where they lie',
};

export class App {
  #theme = followTheme((theme) => this.#setTheme(theme));
  /** @type {Frame | null} */
  #frame = null;
  #drawing = { fps: 0, drawMs: 0 };
  #shown = 0;
  /** @type {HeapEvent | null} */
  #refusal = null;
  /** Who held most when it was refused.
   *  @type {Frame['holder']} */
  #holder = null;
  /** A snapshot, and what somebody holds: instead of the map.
   *  @type {import('./snapshots.js').Overlay | null} */
  #snapshot = null;
  /** @type {{name: string, codes: Uint8Array} | null} */
  #heldBy = null;
  /** @type {(() => void)[]} */
  #onMap = [];
  #isNew = false;
  /** @type {number | undefined} */
  #later;
  #mapIsNew = false;
  #legend = '';

  #runner = new Runner({
    ready: (ready) => this.#ready(ready),
    started: () => this.#started(),
    frame: (frame) => this.#receive(frame),
    output: (stream, text, dropped) => this.#terminal.write(stream, text, dropped),
    state: (state) => this.#setStatus(state, state),
    ended: (ended) => this.#ended(ended),
    loading: (done, total) => this.#loading(done, total),
    program: () => ({ name: this.#programs.name, source: this.#editor.value }),
    limits: () => this.#domains.wanted,
    every: () => this.#allocations?.every ?? 0,
  });
  #terminal = new Terminal(byId('output'), byId('output-note'));
  #editor = new Editor(byId('editor'), () => void this.#runner.run());
  #programs = new Programs(this.#editor, (title, error) => this.#runner.complain(title, error));
  #details = new Details(
    {
      blocks: (address) => this.#runner.request('blocks', { address }),
      chunks: (from, to) => this.#runner.request('chunks', { from, to }),
    },
    () => this.#map.invalidate(),
  );
  #map = new HeapMap(
    byId('map', HTMLCanvasElement),
    {
      details: this.#details,
      onLook: (place, byKey) => this.#looking?.at(place, byKey),
      onView: () => this.#viewChanged(),
      onHint: () => this.#hint(),
    },
    this.#theme.map,
  );
  /** @type {Looking | undefined} */
  #looking = new Looking(
    () => this.#map,
    this.#details,
    (address) => this.#runner.request('look', { address }),
    () =>
      this.#heldBy
        ? `Where ${this.#heldBy.name} holds memory: the stronger a pool’s colour, the more of the blocks of its size.`
        : `This is ${this.#snapshot?.text ?? 'the map'}.`,
  );
  #chart = new Chart(byId('chart'), byId('chart-legend'), this.#theme.ui);
  #classes = new ClassTable(byId('classes', HTMLTableElement), byId('classes-note'));
  #log = new Log(byId('log'), byId('log-note'));
  #domains = new Domains(
    byId('domains', HTMLTableElement),
    byId('limit-error'),
    (row, kind, limit) => void this.#setLimit({ [row]: { [kind]: limit } }),
  );
  /** @type {Snapshots} */
  #snapshots = new Snapshots(
    () => this.#now(),
    (overlay) => this.#setOverlay(overlay),
    () => this.#takeSnapshot(),
    (error) => this.#runner.complain('No snapshot', error),
  );
  /** @type {Allocations | undefined} */
  #allocations = new Allocations(
    (when) => this.#runner.request('allocations', { when }),
    (picked) => this.#showHeld(picked),
  );
  #showFigures = throttled(() => this.#figures(), FIGURES_MS);
  #showSummary = throttled(() => this.#summarize(), SUMMARY_MS);

  constructor() {
    const calm = matchMedia('(prefers-reduced-motion: reduce)');
    this.#map.calm = calm.matches;
    calm.addEventListener('change', () => {
      this.#map.calm = calm.matches;
    });
    byId('zoom-in').addEventListener('click', () => this.#map.zoom(2));
    byId('zoom-out').addEventListener('click', () => this.#map.zoom(1 / 2));
    byId('zoom-fit').addEventListener('click', () => this.#map.fit());
    byId('fold').addEventListener('click', () => this.#map.foldAll());
    byId('squeeze').addEventListener('click', () => {
      const stats = this.#frame?.stats;
      if (stats) this.#domains.set('heap', 'hard', liveBytes(stats));
    });
    byId('unlimit').addEventListener('click', () => this.#domains.unset());
    byId('heap').addEventListener('change', () =>
      this.#runner.watch(Number(byId('heap', HTMLSelectElement).value)),
    );
    this.#domainSwitch();
    followTabs(byId('tabs'), () => void this.#allocations?.refresh(true));
    this.#viewChanged();
    setInterval(() => {
      this.#drawing = { fps: this.#shown, drawMs: this.#map.drawMs };
      this.#shown = 0;
      this.#showFigures();
    }, 1000);
  }

  async start() {
    await this.#programs.load();
    await this.#programs.choose('Lua');
    await this.#runner.start();
  }

  /** @param {Ready} ready */
  #ready({ guest, controls }) {
    setText(byId('guest-name'), guest.name);
    if (guest.language) void this.#programs.choose(guest.language);
    this.#domains.settable = controls.limits;
    setText(
      byId('limits-note'),
      controls.limits
        ? controls.live
          ? 'can be set while it runs'
          : 'take effect at the next run'
        : 'this module does not export pym_limit_set',
    );
    this.#clear();
    this.#frame = null;
    this.#map.show(null);
    this.#snapshots.clear();
    this.#figures();
    byId('map-empty').hidden = false;
    this.#setStatus('idle', 'ready');
  }

  #started() {
    this.#clear();
    byId('map-empty').hidden = true;
  }

  /** What belongs to one run. */
  #clear() {
    this.#terminal.clear();
    this.#log.clear();
    this.#chart.clear();
    this.#details.clear();
    this.#refusal = this.#holder = null;
    this.#allocations?.clear();
    byId('result').hidden = true;
  }

  /** @param {Ended} ended */
  #ended(ended) {
    this.#show(); // whoever reads the end reads the last figures
    this.#figures();
    this.#summarize();
    void this.#allocations?.refresh(true);
    const words = showResult(
      ended,
      { refusal: this.#refusal, holder: this.#holder },
      this.#runner.takesPrograms ? (line) => this.#editor.select(line) : null,
    );
    this.#setStatus(words.kind === 'bad' ? 'failed' : 'idle', words.pill);
    this.#details.age();
    this.#map.invalidate();
    this.#looking?.refresh();
  }

  /** @param {'idle' | 'running' | 'paused' | 'failed'} state  @param {string} text */
  #setStatus(state, text) {
    const pill = byId('status');
    if (state === 'idle' && text === 'idle') return; // `ended` says it better
    pill.dataset['state'] = state;
    setText(pill, text);
  }

  /** @param {number} done  @param {number} total  bytes */
  #loading(done, total) {
    const bar = byId('loading', HTMLProgressElement);
    bar.hidden = done >= total;
    if (bar.hidden) return;
    bar.value = done / total;
    this.#setStatus('running', `loading: ${bytes(done)} of ${bytes(total)}`);
  }

  // ---- Frames ----

  /** @param {Frame} frame */
  #receive(frame) {
    this.#log.add(frame);
    this.#holder = frame.holder ?? this.#holder;
    for (const event of frame.events) {
      if (isRefusal(event)) this.#refusal = event;
    }
    const map = frame.map ?? this.#frame?.map ?? null;
    if (frame.map) this.#mapIsNew = true;
    this.#frame = { ...frame, map };
    for (const id of ['snap', 'squeeze']) byId(id, HTMLButtonElement).disabled = false;
    this.#isNew = true;
    // The map asks for an animation frame if it looks different, the rest comes twice a second: most
    // frames need no drawing.  A page that nobody sees shows, and so acknowledges, nothing.
    if (document.hidden) this.#later ??= requestAnimationFrame(() => this.#show());
    else this.#show();
  }

  #show() {
    this.#later = undefined;
    const frame = this.#frame;
    if (!this.#isNew || !frame) return;
    this.#isNew = false;
    this.#shown++;
    let spare = null;
    if (this.#mapIsNew) {
      this.#mapIsNew = false;
      this.#details.age();
      spare = this.#map.map?.buffer ?? null;
      this.#map.show(frame.map);
      for (const fn of this.#onMap.splice(0)) fn();
    }
    this.#chart.add(frame.time, frame.stats);
    this.#runner.drawn(frame.seq, spare);
    this.#showFigures();
    this.#showSummary();
  }

  #figures() {
    const stats = this.#frame?.stats ?? null;
    showTotals(stats, this.#frame?.cost ?? null, this.#drawing);
    this.#chart.draw();
    this.#log.show();
    this.#classes.show(stats);
    this.#domains.show(stats);
    if (this.#frame) this.#domains.showLimits(this.#frame.limits);
    this.#showHeaps(this.#frame?.heaps ?? [], stats?.heap ?? 1);
    this.#snapshots.refresh();
    void this.#allocations?.refresh();
    this.#looking?.refresh();
  }

  /** Most programs have one heap: then there is nothing to choose.
   *  @param {readonly {id: number}[]} heaps  @param {number} watched */
  #showHeaps(heaps, watched) {
    const select = byId('heap', HTMLSelectElement);
    byId('heap-label').hidden = heaps.length < 2;
    const ids = heaps.slice(0, HEAPS_SHOWN).map(({ id }) => String(id));
    if (ids.join() !== [...select.options].map((o) => o.value).join()) {
      select.replaceChildren(...ids.map((id) => make('option', { value: id }, id)));
    }
    if (document.activeElement !== select) select.value = String(watched);
  }

  #summarize() {
    setText(byId('map-summary'), summary(this.#frame?.map ?? null, this.#frame?.stats ?? null));
  }

  // ---- Limits, snapshots ----

  /** @param {import('../protocol.js').PartialLimits} limits */
  async #setLimit(limits) {
    if (!this.#runner.hasHeap) return; // taken at the start of the next run
    try {
      const inForce = await this.#runner.request('limits', { limits });
      if (this.#frame) this.#frame = { ...this.#frame, limits: inForce };
      this.#domains.showLimits(inForce);
    } catch (error) {
      this.#domains.complain(error instanceof Error ? error.message : String(error));
    }
  }

  /** @returns {import('./snapshots.js').Moment | null} */
  #now() {
    const frame = this.#frame;
    const { map, codes } = this.#map;
    return frame && map ? { name: 'now', stats: frame.stats, map, codes } : null;
  }

  /** @returns {Promise<import('./snapshots.js').Moment>} */
  async #takeSnapshot() {
    const shown = new Promise((resolve) => {
      this.#onMap.push(() => resolve(null));
    });
    await this.#runner.request('frame', {});
    await shown;
    const frame = /** @type {Frame} */ (this.#frame);
    return {
      name: snapshotName(this.#snapshots.next, frame.run, frame.time),
      stats: frame.stats,
      map: structuredClone(/** @type {import('../../../src/index.js').HeapMap} */ (this.#map.map)),
      codes: this.#map.codes.slice(),
    };
  }

  /** @param {import('./snapshots.js').Overlay | null} overlay */
  #setOverlay(overlay) {
    this.#snapshot = overlay;
    this.#overlay();
  }

  /** @param {import('./allocations.js').Picked | null} picked  whose memory the map shows */
  #showHeld(picked) {
    const { map } = this.#map;
    const stats = this.#frame?.stats;
    if (!picked || !map || !stats) this.#heldBy = null;
    else {
      const largest = stats.classes.at(-1)?.blockSize ?? 0;
      const codes = unitsHeldBy(map, this.#map.codes, picked.held.sampled, picked.stacks, largest);
      this.#heldBy = { name: picked.name, codes };
    }
    this.#overlay();
  }

  #overlay() {
    const codes = this.#heldBy?.codes ?? this.#snapshot?.codes ?? null;
    if (!codes && !this.#map.overlaid) return;
    this.#map.overlay = codes;
    this.#viewChanged();
  }

  // ---- The map's surroundings ----

  #viewChanged() {
    const map = this.#map;
    const detail = map.map ? detailAt(map.scale) : 'memory';
    const held = this.#heldBy;
    setText(
      byId('map-detail'),
      held ? `what ${held.name} holds now` : (this.#snapshot?.text ?? DETAILS[detail]),
    );
    const close = detail === 'blocks' || (detail === 'pools' && map.scale >= CHUNK_SCALE);
    const kind = held
      ? 'held'
      : this.#snapshot?.difference
        ? 'difference'
        : close
          ? 'blocks'
          : 'map';
    if (kind !== this.#legend) showLegend(byId('legend'), kind, this.#theme.map);
    this.#legend = kind;
    byId('fold').hidden = !map.unfolded;
    byId('zoom-out', HTMLButtonElement).disabled = map.fitted;
    byId('zoom-fit', HTMLButtonElement).disabled = map.fitted;
    this.#looking?.refresh();
  }

  /** @type {number | undefined} */
  #hinting;
  #hint() {
    byId('map-hint').hidden = false;
    clearTimeout(this.#hinting);
    this.#hinting = window.setTimeout(() => {
      byId('map-hint').hidden = true;
    }, 1600);
  }

  #domainSwitch() {
    const names = /** @type {const} */ ({ all: 'All', object: 'object', mem: 'mem', raw: 'raw' });
    for (const [value, text] of Object.entries(names)) {
      const input = make('input', {
        type: 'radio',
        name: 'chart-domain',
        value,
        id: `chart-${value}`,
      });
      input.checked = value === 'all';
      input.addEventListener('change', () => {
        this.#chart.which = /** @type {keyof typeof names} */ (value);
      });
      byId('chart-domain').append(make('label', {}, input, text));
    }
  }

  /** @param {import('./palette.js').Theme} theme */
  #setTheme(theme) {
    this.#theme = theme;
    this.#map.colours = theme.map;
    this.#chart.colours = theme.ui;
    this.#legend = '';
    this.#viewChanged();
  }
}
