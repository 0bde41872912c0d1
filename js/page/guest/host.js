/* What the guest calls: Emscripten's linker puts these into lua.mjs. */
mergeInto(LibraryManager.library, {
  /* Module.tick: see page_tick in lua.c. */
  page_host_tick: () => Module['tick'](),

  /* In place of Emscripten's, which waits for the end of a line. */
  fd_write__deps: [],
  fd_write: (fd, iovs, count, written) => {
    let total = 0;
    for (let i = 0; i < count; i++) {
      const at = HEAPU32[(iovs >> 2) + 2 * i],
        n = HEAPU32[(iovs >> 2) + 2 * i + 1];
      Module['write'](fd, HEAPU8.subarray(at, at + n));
      total += n;
    }
    HEAPU32[written >> 2] = total;
    return 0;
  },

  /* There are no files: ENOENT.  Emscripten's, without its file system, opens something. */
  __syscall_openat__deps: [],
  __syscall_openat: () => -44,

  /* Standard input is empty. */
  fd_read__deps: [],
  fd_read: (fd, iovs, count, read) => {
    HEAPU32[read >> 2] = 0;
    return 0;
  },
});
