// A drawing of a run's results, as SVG: node tests/bench/plot.mjs CSV FILE.svg
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { cache } from './lib.mjs';
import { ALLOCATORS, Results } from './results.mjs';

const echarts = createRequire(join(cache, 'engines', 'package.json'))('echarts');
const [csv, file] = process.argv.slice(2);
const results = new Results(csv);
const { engines, traces } = results;
const short = (engine) => /\((.*)\)/.exec(engine)[1].replace('js128', 'SpiderMonkey 128');
const shown = results.allocators.filter((name) => !['lto', 'hardened'].includes(name));
const name = (allocator) =>
  ALLOCATORS[allocator].replace(/^\.\.\./, 'wasm-pymalloc').replaceAll('`', '');

const WIDTH = 1000, HEIGHT = 760;
const colors = ['#0b6e4f', '#43a68a', '#9bd1c0', '#1f4e99', '#6d9bd8', '#b4cdee', '#a33b20',
  '#e0876f', '#7d5ba6'];
const title = (text, top) => ({
  text, top, left: 20, textStyle: { fontSize: 15, fontWeight: 'bold', color: '#222' },
});
const bars = (axis, labels, value) => shown.map((allocator, i) => ({
  name: name(allocator), type: 'bar', xAxisIndex: axis, yAxisIndex: axis, barGap: '5%',
  itemStyle: { color: colors[i] }, data: labels.map((label) => value(label, allocator)),
}));
const size = { width: WIDTH, height: HEIGHT };
const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...size });
chart.setOption({
  animation: false,
  backgroundColor: '#ffffff',
  title: [
    title("Net time, Emscripten's dlmalloc = 1 (geometric mean over the long traces)", 10),
    title("Growth of linear memory, Emscripten's dlmalloc = 1 (logarithmic)", 350),
  ],
  legend: { bottom: 5, left: 'center', itemGap: 12 },
  grid: [
    { left: 60, right: 20, top: 45, height: 255 },
    { left: 60, right: 20, top: 385, height: 255 },
  ],
  xAxis: [
    { type: 'category', gridIndex: 0, data: engines.map(short) },
    { type: 'category', gridIndex: 1, data: traces },
  ],
  yAxis: [
    { type: 'value', gridIndex: 0 },
    { type: 'log', gridIndex: 1, min: 0.5 },
  ],
  series: [
    ...bars(0, engines, (e, a) => results.ratio('net', e, undefined, a)),
    ...bars(1, traces, (t, a) => results.ratio('growth', engines[0], t, a)),
  ],
});
writeFileSync(file, chart.renderToSVGString());
chart.dispose();
