/** Numbers and names that the library in C shares with its readers (src/pymalloc.h, layout.h). */

/** PYM_UNLIMITED: a limit that is none; with 64-bit addresses. */
export const UNLIMITED = 0xffffffff;
export const UNLIMITED_WIDE = 2n ** 64n - 1n;
/** The largest limit that can be set, in bytes, in a 32-bit memory. */
export const LIMIT_MAX = UNLIMITED - 1;

/** The three domains, in the order of enum pym_domain. */
export const DOMAINS = /** @type {const} */ (['raw', 'mem', 'object']);
/** What limits and events are of, by number: a domain, PYM_WHOLE_HEAP, PYM_ALL_HEAPS; 4 is no limit. */
export const LIMITED = /** @type {const} */ ([...DOMAINS, 'heap', '', 'all']);

/** @typedef {typeof DOMAINS[number]} DomainName */
/** @typedef {Exclude<typeof LIMITED[number], ''>} LimitedName */
