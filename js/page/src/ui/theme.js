/** Light, dark, or as the system says; kept from visit to visit. */

import { THEMES } from './palette.js';
import { byId, setText } from './dom.js';

/** @typedef {import('./palette.js').Theme} Theme */
/** @typedef {'auto' | 'light' | 'dark'} Choice */

const KEY = 'wasm-pymalloc-theme';
/** @type {Readonly<Record<Choice, {next: Choice, name: string, label: string}>>} */
const CHOICES = {
  auto: { next: 'light', name: 'Auto', label: 'Theme: as the system' },
  light: { next: 'dark', name: 'Light', label: 'Theme: light' },
  dark: { next: 'auto', name: 'Dark', label: 'Theme: dark' },
};

/** @param {(theme: Theme) => void} onChange
 *  @returns {Theme} the one in force */
export function followTheme(onChange) {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const button = byId('theme');
  let choice = stored();
  const current = () => THEMES[choice === 'auto' ? (dark.matches ? 'dark' : 'light') : choice];
  const apply = () => {
    if (choice === 'auto') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = choice;
    setText(byId('theme-name'), CHOICES[choice].name);
    button.setAttribute('aria-label', CHOICES[choice].label);
  };
  button.addEventListener('click', () => {
    choice = CHOICES[choice].next;
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      /* a page without storage forgets */
    }
    apply();
    onChange(current());
  });
  dark.addEventListener('change', () => {
    if (choice === 'auto') onChange(current());
  });
  apply();
  return current();
}

/** @returns {Choice} */
function stored() {
  try {
    const value = localStorage.getItem(KEY) ?? '';
    return value in CHOICES ? /** @type {Choice} */ (value) : 'auto';
  } catch {
    return 'auto';
  }
}
