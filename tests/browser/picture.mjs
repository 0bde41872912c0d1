/** Makes docs/page.png, the page with a program that ran out of memory, from the page that is built:
 *
 *    node tests/browser/picture.mjs */
import { copyFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { launch, screenshot } from './lib/browser.mjs';
import { HeapPage, eventually, servePage } from './lib/page.mjs';

const [browser, server] = await Promise.all([launch('chromium'), servePage()]);
const page = await HeapPage.open(browser, `${server.url}?program=leak.lua`, {
  viewport: { width: 1360, height: 900 },
  scheme: 'light',
});
await eventually(async () => {
  if (!(await page.page.$eval('#source', (field) => field.value)).includes('leak')) throw page;
});
await page.click('#tab-allocations');
await page.fill('#limit-heap-hard', '6M');
await page.run();
const number = (selector) => page.page.$eval(selector, (cell) => Number(cell.dataset.value));
await eventually(async () => {
  // As it is at the end, not as it was a moment before.
  const [first, second] = [1, 2].map(
    (i) => `#alloc-table tbody tr:nth-child(${i}) td:nth-child(3)`,
  );
  const told = (await number(first)) + (await number(second));
  if (told < 0.9 * (await number('#total-live'))) throw new Error(`${told} bytes are told`);
});
const file = await screenshot(page.page, 'page');
copyFileSync(file, fileURLToPath(new URL('../../docs/page.png', import.meta.url)));
await Promise.all([browser.close(), server.close()]);
