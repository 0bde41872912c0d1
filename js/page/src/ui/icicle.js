/** The icicle: calls as boxes as wide as what they hold, callers above.  A box is a button, so that
 *  keys and screen readers find it; arrows go along the tree. */

import { hierarchy, partition } from 'd3-hierarchy';
import { make } from './dom.js';
import { bytes, percent } from './format.js';
import { frameText } from './holdings.js';

/** @typedef {import('./holdings.js').Call} Call */
/** @typedef {import('d3-hierarchy').HierarchyRectangularNode<Call>} Node */

/** Boxes narrower than this share of the picture are left out. */
const NARROWEST = 0.004;
const ROW_PIXELS = 24;

export class Icicle {
  #parent;
  #onPick;
  /** @type {Map<string, HTMLButtonElement>} */
  #boxes = new Map();
  /** @type {Map<string, Node>} */
  #nodes = new Map();
  /** Path of the box that fills the picture, and of the one that the keyboard is at. */
  #zoomed = '';
  #at = '';

  /** @param {HTMLElement} parent  @param {(call: Call) => void} onPick */
  constructor(parent, onPick) {
    this.#parent = parent;
    this.#onPick = onPick;
    parent.addEventListener('click', (event) => {
      const node = this.#nodeOf(event.target);
      if (node) this.#pick(node);
    });
    parent.addEventListener('keydown', (event) => {
      const node = this.#nodeOf(event.target);
      const next = node && this.#neighbour(node, event.key);
      if (!next) return;
      event.preventDefault();
      this.#at = next.data.key;
      this.#rove();
      this.#boxes.get(this.#at)?.focus();
    });
  }

  /** @param {Call} tree  @param {string} picked  path of the call that is picked, or '' */
  show(tree, picked) {
    const root = hierarchy(tree)
      .sum((call) => call.own)
      .sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
    const laid = partition()(root);
    this.#nodes = new Map(laid.descendants().map((node) => [node.data.key, node]));
    if (!this.#nodes.has(this.#zoomed)) this.#zoomed = '';
    this.#draw(/** @type {Node} */ (this.#nodes.get(this.#zoomed)), picked);
  }

  /** All of it again. */
  reset() {
    [this.#zoomed, this.#at] = ['', ''];
  }

  /** @param {Node} zoomed  @param {string} picked */
  #draw(zoomed, picked) {
    const width = zoomed.x1 - zoomed.x0;
    const above = new Set(zoomed.ancestors());
    const seen = [...this.#nodes.values()].filter(
      (node) =>
        above.has(node)
        || (node.x0 >= zoomed.x0
          && node.x1 <= zoomed.x1
          && (node.x1 - node.x0) / width > NARROWEST),
    );
    const before = this.#boxes;
    this.#boxes = new Map();
    const all = this.#nodes.get('')?.value ?? 0;
    for (const node of seen) {
      const { key } = node.data;
      const box = before.get(key) ?? make('button', { type: 'button', 'data-key': key });
      const [left, right] = above.has(node)
        ? [0, 1]
        : [(node.x0 - zoomed.x0) / width, (node.x1 - zoomed.x0) / width];
      Object.assign(box.style, {
        left: `${100 * left}%`,
        width: `${100 * (right - left)}%`,
        top: `${node.depth * ROW_PIXELS}px`,
      });
      dress(box, node, all, picked, above.has(node) && node !== zoomed);
      this.#boxes.set(key, box);
    }
    for (const [key, box] of before) if (!this.#boxes.has(key)) box.remove();
    for (const box of this.#boxes.values()) if (!box.parentNode) this.#parent.append(box);
    const rows = Math.max(...seen.map((node) => node.depth)) + 1;
    this.#parent.style.height = `${rows * ROW_PIXELS}px`;
    if (!this.#boxes.has(this.#at)) this.#at = this.#zoomed;
    this.#rove();
  }

  /** One box can be reached by Tab: the one where the keyboard was last. */
  #rove() {
    for (const [key, box] of this.#boxes) box.tabIndex = key === this.#at ? 0 : -1;
  }

  /** @param {Node} node */
  #pick(node) {
    this.#zoomed = this.#at = node.data.key;
    this.#onPick(node.data);
  }

  /** @param {EventTarget | null} target  @returns {Node | undefined} */
  #nodeOf(target) {
    const box = target instanceof Element ? target.closest('button') : null;
    return this.#nodes.get(box?.dataset['key'] ?? '\0');
  }

  /** @param {Node} node  @param {string} key  @returns {Node | undefined} that is drawn */
  #neighbour(node, key) {
    const drawn = (/** @type {Node | null | undefined} */ other) =>
      other && this.#boxes.has(other.data.key) ? other : undefined;
    const siblings = (node.parent?.children ?? []).filter((other) => drawn(other));
    const at = siblings.indexOf(node);
    switch (key) {
      case 'ArrowUp':
        return drawn(node.parent);
      case 'ArrowDown':
        return node.children?.find((child) => drawn(child));
      case 'ArrowLeft':
        return siblings[at - 1];
      case 'ArrowRight':
        return siblings[at + 1];
      case 'Home':
        return this.#nodes.get('');
      default:
        return undefined;
    }
  }
}

/** @param {HTMLButtonElement} box  @param {Node} node  @param {number} all  bytes
 *  @param {string} picked  @param {boolean} above  it stands above what fills the picture */
function dress(box, node, all, picked, above) {
  const { frame, key } = node.data;
  const text = `${frameText(frame)}: ${bytes(node.value ?? 0)}, ${percent(node.value ?? 0, all)}`;
  if (box.title !== text) {
    box.title = text;
    box.setAttribute('aria-label', text);
    box.replaceChildren(make('span', {}, node.depth === 0 ? text : frameText(frame)));
  }
  box.dataset['language'] = frame.language;
  box.dataset['tint'] = String(tintOf(frame.name));
  box.classList.toggle('above', above);
  const isPicked = key === picked || `=${frameText(frame)}` === picked; // the call, or its line
  box.setAttribute('aria-pressed', String(isPicked && key !== ''));
}

/** @param {string} name  @returns {number} 0..3, so that neighbours differ a little */
function tintOf(name) {
  let sum = 0;
  for (const c of name) sum = (sum * 31 + (c.codePointAt(0) ?? 0)) % 997;
  return sum % 4;
}
