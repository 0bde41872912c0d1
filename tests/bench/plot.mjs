// A drawing of a run's results, as SVG: node tests/bench/plot.mjs CSV FILE.svg
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { LARGE, cache } from './lib.mjs';
import { BASE, Results } from './results.mjs';

const echarts = createRequire(join(cache, 'echarts', 'package.json'))('echarts');
const [csv, file] = process.argv.slice(2);
const results = new Results(csv);
const { engines, long } = results;
const [first] = engines;
const large = long.filter((trace) => results.get('growth', first, trace, BASE) >= LARGE);
const shown = results.allocators.filter((name) => !['lto', 'hardened'].includes(name));
const engineName = (engine) => /\((.*)\)/.exec(engine)[1].replace('js', 'SpiderMonkey ');
const COLORS = {
  pym: '#0b6e4f',
  calls: '#43a68a',
  malloc: '#9bd1c0',
  dlmalloc: '#1f4e99',
  emmalloc: '#6d9bd8',
  mimalloc: '#e0876f',
  libc: '#a33b20',
  obmalloc: '#7d5ba6',
};

const panels = [
  {
    title: `Net time, ${BASE} = 1, geometric mean over the long traces`,
    labels: engines,
    text: engineName,
    allocators: shown,
    value: (engine, allocator) => results.ratio('net', engine, undefined, allocator),
  },
  {
    title: `Net time by trace, ${BASE} = 1, ${engineName(first)}`,
    labels: long,
    text: String,
    allocators: shown,
    value: (trace, allocator) => results.ratio('net', first, trace, allocator),
  },
  {
    title: `Growth of linear memory, ${BASE} = 1, where over 1 MiB (mimalloc: see the table)`,
    labels: large,
    text: String,
    allocators: shown.filter((name) => !name.endsWith('mimalloc')),
    value: (trace, allocator) => results.ratio('growth', first, trace, allocator),
  },
];
const WIDTH = 1200,
  PANEL = 340,
  LEGEND = 40;
const series = panels.flatMap(({ labels, allocators, value }, i) =>
  allocators.map((allocator) => ({
    name: allocator,
    type: 'bar',
    xAxisIndex: i,
    yAxisIndex: i,
    barGap: '5%',
    itemStyle: { color: COLORS[allocator] },
    data: labels.map((label) => value(label, allocator)),
  })),
);
const size = { width: WIDTH, height: panels.length * PANEL + LEGEND };
const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...size });
chart.setOption({
  animation: false,
  backgroundColor: '#ffffff',
  textStyle: { fontFamily: 'sans-serif' },
  title: panels.map(({ title }, i) => ({
    text: title,
    left: 20,
    top: LEGEND + i * PANEL,
    textStyle: { fontSize: 15, color: '#222' },
  })),
  legend: { top: 8, left: 20, itemGap: 18, data: shown },
  grid: panels.map((_, i) => ({
    left: 60,
    right: 20,
    top: LEGEND + i * PANEL + 32,
    height: PANEL - 120,
  })),
  xAxis: panels.map(({ labels, text }, i) => ({
    type: 'category',
    gridIndex: i,
    data: labels.map(text),
    axisLabel: { interval: 0, rotate: i ? 25 : 0, fontSize: 11 },
  })),
  yAxis: panels.map((_, i) => ({ type: 'value', gridIndex: i })),
  series,
});
writeFileSync(file, chart.renderToSVGString());
chart.dispose();
