/** js/page in a browser: what a person does there, and what the guest itself says. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

import { open } from './browser.mjs';
import { serve } from './server.mjs';

/** The page as it is built, served without special headers.
 *  @param {Record<string, string | Uint8Array>} [files]  beside it
 *  @returns {Promise<import('./server.mjs').Server>} */
export function servePage(files) {
  return serve(fileURLToPath(new URL('../../../js/page', import.meta.url)), { files });
}

/** Tries until it holds.  @param {() => Promise<void>} assertion */
export async function eventually(assertion) {
  for (let end = performance.now() + 60_000; ; ) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
    }
  }
}

/** Keeps the workers that the page makes: tests ask the guest past the page. */
function keepWorkers() {
  window.workers = [];
  window.Worker = class extends Worker {
    constructor(...args) {
      super(...args);
      window.workers.push(this);
    }
  };
}

export class HeapPage {
  #lastId = 1_000_000;
  page;
  problems;

  /** @param {import('puppeteer-core').Page} page  @param {string[]} problems */
  constructor(page, problems) {
    this.page = page;
    this.problems = problems;
  }

  /** Opens it and waits until its guest is ready, or a message says why not.
   *  @param {import('puppeteer-core').Browser} browser  @param {string} url
   *  @param {object} [options]  as those of open() */
  static async open(browser, url, options = {}) {
    const { page, problems } = await open(browser, url, { before: keepWorkers, ...options });
    const heapPage = new HeapPage(page, problems);
    await heapPage.ready();
    return heapPage;
  }

  /** Waits for a guest that can be run, or for a message. */
  async ready() {
    await this.page.waitForFunction(
      () => !document.querySelector('#run').disabled || !document.querySelector('#error').hidden,
    );
  }

  /** Waits until the guest of this name is open.
   *  @param {RegExp} name */
  async opened(name) {
    await this.page.waitForFunction(
      (source) =>
        !document.querySelector('#run').disabled
        && new RegExp(source).test(document.querySelector('#guest-name').textContent),
      {},
      name.source,
    );
  }

  /** @param {string} selector  @returns {Promise<string>} */
  text(selector) {
    return this.page.$eval(selector, (element) => element.textContent.trim());
  }

  /** @param {string} selector */
  click(selector) {
    return this.page.$eval(selector, (element) => element.click());
  }

  /** @param {string} selector  of a field  @param {string} value  as if a person wrote it */
  fill(selector, value) {
    return this.page.$eval(
      selector,
      (field, text) => {
        field.value = text;
        field.dispatchEvent(new Event('input', { bubbles: true }));
        field.dispatchEvent(new Event('change', { bubbles: true }));
      },
      value,
    );
  }

  /** Starts what is in the editor, or the module that is open.
   *  @param {string} [source]  a program for the editor */
  async start(source) {
    await this.ready();
    if (source !== undefined) await this.fill('#source', source);
    await this.page.$eval('#result', (result) => {
      result.hidden = true;
    });
    await this.click('#run');
  }

  /** Waits for its end.
   *  @returns {Promise<{kind: string, text: string}>} what the page says of it */
  async end() {
    await this.page.waitForFunction(
      () =>
        !document.querySelector('#result').hidden
        || (!document.querySelector('#error').hidden && document.querySelector('#run').disabled),
      { polling: 50 },
    ); // not in every frame, as without it: the page would never be at rest
    if (await this.page.$eval('#result', ({ hidden }) => hidden)) {
      throw new Error(`nothing can be run: ${await this.text('#error-text')}`);
    }
    return this.page.$eval('#result', ({ dataset, textContent }) => ({
      kind: dataset.kind,
      text: textContent,
    }));
  }

  /** @param {string} [source]  @returns {Promise<{kind: string, text: string}>} */
  async run(source) {
    await this.start(source);
    return this.end();
  }

  /** Gives files to the page as a drop from the desktop does.
   *  @param {{name: string, bytes: Uint8Array}[]} files */
  drop(files) {
    const given = files.map(({ name, bytes }) => ({
      name,
      base64: Buffer.from(bytes).toString('base64'),
    }));
    return this.page.evaluate((list) => {
      const dataTransfer = new DataTransfer();
      for (const { name, base64 } of list) {
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        dataTransfer.items.add(new File([bytes], name));
      }
      for (const type of ['dragover', 'drop']) {
        document.body.dispatchEvent(
          new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }),
        );
      }
    }, given);
  }

  /** Asks the guest that is open, as the page does.
   *  @param {string} name  of a request of js/page/src/protocol.js
   *  @returns {Promise<any>} the reply's value */
  async ask(name, params = {}) {
    const reply = await this.page.evaluate(
      (message) =>
        new Promise((resolve) => {
          const worker = window.workers.at(-1);
          worker.addEventListener('message', function hear({ data }) {
            if (data.id !== message.id) return;
            worker.removeEventListener('message', hear);
            resolve(data.type === 'reply' ? { value: data.value } : { error: data.error.message });
          });
          worker.postMessage(message);
        }),
      { type: 'request', id: ++this.#lastId, name, params },
    );
    if ('error' in reply) throw new Error(`${name}: ${reply.error}`);
    return reply.value;
  }

  /** The figures that the page shows, exact.
   *  @returns {Promise<Figures>} */
  figures() {
    return this.page.evaluate(() => {
      const value = (element) => Number(element.dataset.value);
      const row = ({ cells: [, live, blocks, refused] }) => ({
        live: value(live),
        blocks: value(blocks),
        refused: value(refused),
      });
      const domains = Object.fromEntries(
        [...document.querySelectorAll('#domains tbody tr')].map((line) => [
          line.cells[0].textContent.trim(),
          row(line),
        ]),
      );
      const classes = [...document.querySelectorAll('#classes tbody tr')]
        .map(({ cells }) => [0, 1, 3, 4].map((i) => value(cells[i])).join(' '))
        .sort();
      const total = (name) => value(document.querySelector(`#total-${name}`));
      return {
        linear: total('linear'),
        live: total('live'),
        peak: total('peak'),
        domains,
        classes,
      };
    });
  }
}

/** @typedef {object} Figures
 *  @property {number} linear  bytes
 *  @property {number} live    bytes
 *  @property {number} peak    bytes
 *  @property {Record<string, {live: number, blocks: number, refused: number}>} domains  and their sum
 *  @property {string[]} classes  of each used class: block size, live blocks, pools, blocks ever */

/** The same figures, as pym_dump prints them.
 *  @param {string} dump  @returns {Figures} */
export function figuresOfDump(dump) {
  const rows = dump.split('\n').map((line) => line.trim().split(/\s+/));
  const numbers = (words) => words.map(Number);
  const domains = Object.fromEntries(
    ['object', 'mem', 'raw'].map((name) => {
      const [blocks, live, peak, , , refused] = numbers(
        rows.find(([first, ...rest]) => first === name && rest.length === 6).slice(1),
      );
      return [name, { live, blocks, refused, peak }];
    }),
  );
  const sum = (key) => Object.values(domains).reduce((n, domain) => n + domain[key], 0);
  const pages = Number(/# pages of linear memory .* ([\d,]+)$/m.exec(dump)[1].replaceAll(',', ''));
  const tables = rows.filter((words) => words.every((word) => /^\d+$/.test(word))).map(numbers);
  const held = new Map(
    tables
      .filter((row) => row.length === 5) // classes that have pools
      .map(([, size, pools, live]) => [size, [live, pools]]),
  );
  const classes = tables
    .filter((row) => row.length === 4) // classes ever used
    .map(([, size, ever]) => [size, ...(held.get(size) ?? [0, 0]), ever].join(' '))
    .sort();
  return {
    linear: pages * 65536,
    live: sum('live'),
    peak: sum('peak'),
    domains: {
      ...Object.fromEntries(
        Object.entries(domains).map(([name, { live, blocks, refused }]) => [
          name,
          { live, blocks, refused },
        ]),
      ),
      all: { live: sum('live'), blocks: sum('blocks'), refused: sum('refused') },
    },
    classes,
  };
}

/** The page shows what pym_dump prints in its guest, at this moment.
 *  @param {HeapPage} page */
export function showsTheDump(page) {
  return eventually(async () => {
    const shown = await page.figures();
    const dumped = figuresOfDump(await page.ask('dump'));
    // What came free since the last frame, as a proxy does that the engine collects, is in the next.
    if (!isDeepStrictEqual(shown, dumped)) await page.ask('frame');
    assert.deepEqual(shown, dumped);
  });
}
