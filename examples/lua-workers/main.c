/* Lua with Emscripten's threads: each worker has an interpreter of its own on a heap of its own,
 * with a limit of its own.  One of them asks for too much: it gets Lua's error, the others do not
 * notice.
 *
 *   lua-workers [WORKERS] */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapters/lua.h"
#include "lauxlib.h"
#include "lualib.h"
#include "pymalloc.h"

#define WORKERS_MOST 8
#define LIMIT (4u << 20) /* bytes of a worker's heap */

/* Sum of the lengths of n strings that live in a table all at once. */
static const char program[] =
    "local n = ... \n"
    "local texts = {} \n"
    "for i = 1, n do texts[i] = ('%08d'):format(i):rep(4) end \n"
    "local sum = 0 \n"
    "for _, text in ipairs(texts) do sum = sum + #text end \n"
    "return sum";

struct worker {
  pthread_t id;
  int strings;
  long long sum; /* -1: the program failed */
  unsigned peak_kib;
  char error[64];
};

static void run(struct worker *w, lua_State *lua) {
  luaL_openlibs(lua);
  luaL_loadstring(lua, program);
  lua_pushinteger(lua, w->strings);
  if (lua_pcall(lua, 1, 1, 0) == LUA_OK) w->sum = lua_tointeger(lua, -1);
  else snprintf(w->error, sizeof w->error, "%s", lua_tostring(lua, -1));
}

static void *work(void *arg) {
  struct worker *w = arg;
  pym_heap *heap = pym_heap_new();
  pym_domain_stats stats;
  w->sum = -1;
  if (!heap) return NULL;
  pym_limit_set(heap, PYM_OBJ, PYM_UNLIMITED, LIMIT);
  lua_State *lua = lua_newstate(pym_lua_alloc, heap);
  if (lua) {
    run(w, lua);
    lua_close(lua);
  }
  pym_domain_stats_get(heap, PYM_OBJ, &stats);
  w->peak_kib = (unsigned)(stats.peak_bytes >> 10);
  pym_heap_destroy(heap);
  return NULL;
}

int main(int argc, char **argv) {
  static struct worker workers[WORKERS_MOST];
  const int n = argc > 1 ? atoi(argv[1]) : 4;
  if (n < 2 || n > WORKERS_MOST) return 2;
  for (int i = 0; i < n; i++) {
    workers[i].strings = i ? 5000 : 200000; /* the first one's do not fit */
    if (pthread_create(&workers[i].id, NULL, work, &workers[i])) return 1;
  }
  for (int i = 0; i < n; i++) {
    pthread_join(workers[i].id, NULL);
    printf("worker %d: sum %lld, peak %u KiB %s\n", i, workers[i].sum, workers[i].peak_kib,
           workers[i].error);
  }
  return pym_check(pym_heap_default());
}
