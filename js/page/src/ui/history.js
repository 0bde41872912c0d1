/** The course of some figures over a run, in bounded memory: when it is full every second point goes
 *  and the next ones stand twice as far apart, so a chart of an hour costs what one of a second does. */

const MOST = 600;

export class History {
  #series;
  #step = 0;
  #next = 0;
  /** @type {number[][]} time in seconds, then the series */
  #data;

  /** @param {number} series  how many */
  constructor(series) {
    this.#series = series;
    this.#data = Array.from({ length: series + 1 }, () => []);
  }

  get data() {
    return this.#data;
  }
  get length() {
    return this.#data[0]?.length ?? 0;
  }

  clear() {
    for (const line of this.#data) line.length = 0;
    [this.#step, this.#next] = [0, 0];
  }

  /** Adds a point; between two steps the newest one takes the place of the last.
   *  @param {number} time  milliseconds, not before the last
   *  @param {readonly number[]} values */
  add(time, values) {
    const times = /** @type {number[]} */ (this.#data[0]);
    if (time < this.#next && times.length > 1) for (const line of this.#data) line.pop();
    else this.#next = time + this.#step;
    times.push(time / 1000);
    for (let i = 0; i < this.#series; i++) this.#data[i + 1]?.push(values[i] ?? 0);
    if (times.length > MOST) this.#thin();
  }

  #thin() {
    const times = /** @type {number[]} */ (this.#data[0]);
    const span = ((times.at(-1) ?? 0) - (times[0] ?? 0)) * 1000;
    this.#data = this.#data.map((line) => line.filter((_, i) => i % 2 === 0));
    this.#step = span / (MOST / 2);
  }
}
