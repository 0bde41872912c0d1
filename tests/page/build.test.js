/** The page as it is built: its size, its types, what it loads, how it is served. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const page = fileURLToPath(new URL('../../js/page/', import.meta.url));
const read = (name) => readFileSync(page + name, 'utf8');
const html = read('index.html');

function built(name) {
  assert.ok(
    existsSync(page + name),
    `${name} is not there: build the page first (npm run build in js/page)`,
  );
  return readFileSync(page + name);
}

test('the page without the interpreter is within its budget', (t) => {
  const { gzip, total } = JSON.parse(read('budget.json'));
  let sum = 0;
  for (const [name, most] of Object.entries(gzip)) {
    const { length } = gzipSync(built(name), { level: 9 });
    t.diagnostic(`${name}: ${length} bytes gzipped`);
    assert.ok(length <= most, `${name} has ${length} bytes gzipped, its budget is ${most}`);
    sum += length;
  }
  t.diagnostic(`together: ${sum}`);
  assert.ok(sum <= total, `${sum} bytes gzipped, the budget is ${total}`);
});

test('everything the browser loads is in the budget, or is an interpreter or a program', () => {
  const { gzip } = JSON.parse(read('budget.json'));
  built('dist/main.js');
  const all = readdirSync(`${page}dist`, { recursive: true }).map((name) =>
    `dist/${name}`.replaceAll('\\', '/'),
  );
  const others = all.filter(
    (name) =>
      !(name in gzip)
      && !/\.map$|\.built$|^dist\/(lua|programs)(\/|$)|^dist\/pyodide\.wasm$/.test(name),
  );
  assert.deepEqual(others, []);
});

test('the page passes the type checker', () => {
  const tsc = `${page}node_modules/typescript/bin/tsc`;
  assert.ok(existsSync(tsc), 'TypeScript is not installed: run npm ci in js/page/');
  const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', page], { encoding: 'utf8' });
  assert.equal(stdout, '');
  assert.equal(status, 0);
});

test('nothing comes from another site, and every address is relative', () => {
  const addresses = [...html.matchAll(/<(?:script|link|img)[^>]*(?:src|href)="([^"]+)"/g)].map(
    (m) => m[1],
  );
  assert.ok(addresses.length >= 3);
  for (const address of addresses) assert.match(address, /^(\.\/|data:)/, address);
  assert.doesNotMatch(built('dist/page.css').toString(), /@import|url\((?!data:|#)/);
});

test('the page works under its own content security policy: no inline script or style, no eval', () => {
  const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html)?.[1] ?? '';
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval/);
  assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=/);
  assert.doesNotMatch(built('dist/main.js').toString(), /\beval\(|new Function\(/);
});

test('every element that the scripts look up is in the page, once', () => {
  const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map((m) => m[1]);
  assert.equal(new Set(ids).size, ids.length, 'an id is there twice');
  const wanted = readdirSync(`${page}src/ui`).flatMap((name) =>
    [...read(`src/ui/${name}`).matchAll(/byId\('([^']+)'/g)].map((m) => m[1]),
  );
  assert.ok(wanted.length > 30);
  assert.deepEqual(
    wanted.filter((id) => !ids.includes(id)),
    [],
  );
  const references = [
    ...html.matchAll(/\s(?:for|aria-labelledby|aria-describedby)="([^"]+)"/g),
  ].flatMap((m) => m[1].split(' '));
  assert.deepEqual(
    references.filter((id) => !ids.includes(id)),
    [],
    'a label of nothing',
  );
});

test('every field has a label, every button a name', () => {
  for (const [whole, attributes, content] of html.matchAll(/<button([^>]*)>(.*?)<\/button>/gs)) {
    const text = content
      .replace(/<span aria-hidden="true">.*?<\/span>/g, '')
      .replace(/<[^>]+>/g, '')
      .trim();
    assert.ok(/aria-label=/.test(attributes) || /\w/.test(text), whole);
  }
  for (const [whole, id] of html.matchAll(/<(?:input|select|textarea)[^>]*\sid="([^"]+)"[^>]*>/g)) {
    const at = html.indexOf(whole);
    const inLabel = html.lastIndexOf('<label', at) > html.lastIndexOf('</label>', at);
    assert.ok(inLabel || html.includes(`for="${id}"`) || /aria-label=/.test(whole), whole);
  }
});

test('every sample program is there, and can be chosen', () => {
  const programs = JSON.parse(read('programs/index.json'));
  assert.ok(programs.length > 3);
  for (const { file, title, text } of programs) {
    assert.ok(built(`dist/programs/${file}`).length > 0 && title && text, file);
  }
  const files = readdirSync(`${page}programs`).filter((name) => /\.(lua|py)$/.test(name));
  assert.deepEqual(
    files.sort(),
    programs.map((p) => p.file).sort(),
    'a program that nobody can choose',
  );
});

/** @returns {Promise<string>} the address that the server prints */
function serve() {
  const child = spawn(process.execPath, [`${page}server.js`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  after(() => child.kill());
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (data) => {
      text += data;
      const address = /http:\/\/localhost:\d+\//.exec(text);
      if (address) resolve(address[0]);
    });
    child.on('exit', (code) => reject(new Error(`the server ended with ${code}: ${text}`)));
  });
}

/** As it stands, unlike fetch, which tidies a path up.
 *  @returns {Promise<{status: number, type: string}>} */
function get(address, path, method = 'GET') {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(address);
    request({ hostname, port, path, method }, (response) => {
      response.resume();
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '' }),
      );
    })
      .on('error', reject)
      .end();
  });
}

test('a Pyodide that was copied beside the page is served', async (t) => {
  const beside = `${page}pyodide`;
  if (existsSync(beside)) return t.skip('there is one already, of somebody who uses the page');
  mkdirSync(beside);
  t.after(() => rmSync(beside, { recursive: true }));
  for (const name of ['pyodide.mjs', 'pyodide.asm.wasm', 'python_stdlib.zip']) {
    writeFileSync(`${beside}/${name}`, '');
  }
  const address = await serve();
  for (const [name, type] of [
    ['pyodide.mjs', /javascript/],
    ['pyodide.asm.wasm', /^application\/wasm$/],
    ['python_stdlib.zip', /zip/],
  ]) {
    const answer = await get(address, `/pyodide/${name}`);
    assert.equal(answer.status, 200, name);
    assert.match(answer.type, type);
  }
  assert.equal((await get(address, '/pyodide/none.mjs')).status, 404);
});

test('the server prints its address, serves the page with the right types, and nothing else', async () => {
  built('dist/main.js');
  const address = await serve();
  for (const [path, type] of [
    ['/', /html/],
    ['/index.html?program=json.lua', /html/],
    ['/dist/main.js', /javascript/],
    ['/dist/page.css', /css/],
    ['/dist/programs/index.json', /json/],
  ]) {
    const answer = await get(address, path);
    assert.equal(answer.status, 200, path);
    assert.match(answer.type, type);
  }
  for (const path of [
    '/package.json',
    '/src/ui/main.js',
    '/dist/../package.json',
    '/dist/%2e%2e/package.json',
    '/../../README.md',
    '/dist',
    '/dist/',
    '/dist/%00',
    '/%zz',
    '/dist/none.js',
    '//etc/passwd',
  ]) {
    assert.equal((await get(address, path)).status, 404, path);
  }
  assert.equal((await get(address, '/', 'POST')).status, 404);
  assert.equal((await get(address, '/', 'HEAD')).status, 200);
});
