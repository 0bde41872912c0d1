/** Small helpers for elements. */

/** @template {HTMLElement} [T=HTMLElement]
 *  @param {string} id  @param {new (...args: any[]) => T} [type]
 *  @returns {T} the element with this id, of this type */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!element || (type && !(element instanceof type))) throw new Error(`the page has no #${id}`);
  return /** @type {T} */ (element);
}

/** @template {keyof HTMLElementTagNameMap} K
 *  @param {K} name
 *  @param {Record<string, string>} [attributes]
 *  @param {...(Node | string)} children
 *  @returns {HTMLElementTagNameMap[K]} */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Sets text only when it differs: assistive software then hears of fewer changes, and the browser
 *  lays out less.
 *  @param {Node} element  @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A figure: rounded for people, exact in data-value for who wants to compute with it.
 *  @param {HTMLElement} element  @param {string} text  @param {number} value */
export function setFigure(element, text, value) {
  setText(element, text);
  element.dataset['value'] = String(value);
}

/** @param {(...args: any[]) => void} fn  @param {number} ms
 *  @returns {() => void} calls fn at most once in `ms`, the last call is never lost */
export function throttled(fn, ms) {
  let last = -Infinity;
  /** @type {number | undefined} */
  let timer;
  return () => {
    const wait = last + ms - performance.now();
    if (timer !== undefined) return;
    timer = window.setTimeout(
      () => {
        timer = undefined;
        last = performance.now();
        fn();
      },
      Math.max(0, wait),
    );
  };
}
