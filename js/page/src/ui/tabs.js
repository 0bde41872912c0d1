/** Tabs: buttons of a tablist that show one panel each; arrows go from one to the next. */

import { byId } from './dom.js';

/** @param {HTMLElement} list  with buttons of role tab that name their panels
 *  @param {(panel: string) => void} onShow  id of the panel that is seen now */
export function followTabs(list, onShow) {
  const tabs = /** @type {HTMLElement[]} */ ([...list.querySelectorAll('[role="tab"]')]);
  const show = (/** @type {HTMLElement} */ chosen) => {
    for (const tab of tabs) {
      tab.setAttribute('aria-selected', String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      byId(panelOf(tab)).hidden = tab !== chosen;
    }
    onShow(panelOf(chosen));
  };
  for (const [i, tab] of tabs.entries()) {
    tab.addEventListener('click', () => show(tab));
    tab.addEventListener('keydown', ({ key }) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
      const next = step && tabs[(i + step + tabs.length) % tabs.length];
      if (!next) return;
      show(next);
      next.focus();
    });
  }
}

/** @param {HTMLElement} tab  @returns {string} */
function panelOf(tab) {
  return tab.getAttribute('aria-controls') ?? '';
}
