/* Write down what a Lua program asks of its allocator: record_lua TRACE SCRIPT [ARGUMENTS]
 *
 * Lua's states take everything through lua_Alloc, so the whole life of the state is in the trace,
 * from lua_newstate through lua_close.  Blocks come from libc's malloc, each behind its number. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

enum { MARK, MALLOC, CALLOC, REALLOC, REALLOC_NULL, FREE, OPS };
#define OBJECT 2u

struct record {
  uint32_t what, id;
};

static struct {
  struct record *records;
  uint32_t n, room;
  uint32_t *free_ids, n_free, ids, live, peak_live;
  uint64_t bytes, peak_bytes;
  uint32_t count[OPS];
} trace;

struct block {
  uint64_t id;
  char data[8];
};

static void *grown(void *p, size_t n) {
  p = realloc(p, n);
  if (p) return p;
  fputs("record_lua: out of memory\n", stderr);
  exit(EXIT_FAILURE);
}

static void note(uint32_t op, uint32_t n, uint32_t id) {
  if (trace.n == trace.room) {
    trace.room = trace.room ? trace.room * 2 : 1 << 16;
    trace.records = grown(trace.records, trace.room * sizeof *trace.records);
  }
  uint32_t domain = op == MARK ? 0 : OBJECT;
  trace.records[trace.n++] = (struct record){op | domain << 3 | n << 5, id};
  trace.count[op]++;
  if (trace.bytes > trace.peak_bytes) trace.peak_bytes = trace.bytes;
  if (trace.live > trace.peak_live) trace.peak_live = trace.live;
}

/* Numbers are slots: the one given back last is the next to go out. */
static uint32_t new_id(void) {
  if (trace.n_free) return trace.free_ids[--trace.n_free];
  trace.free_ids = grown(trace.free_ids, (trace.ids + 1) * sizeof *trace.free_ids);
  return trace.ids++;
}

static void *allocate(void *ud, void *p, size_t osize, size_t nsize) {
  (void)ud;
  struct block *b = p ? (struct block *)((char *)p - offsetof(struct block, data)) : NULL;
  if (nsize == 0) {
    if (!b) return NULL;
    trace.bytes -= osize;
    trace.live--;
    trace.free_ids[trace.n_free++] = (uint32_t)b->id;
    note(FREE, (uint32_t)osize, (uint32_t)b->id);
    free(b);
    return NULL;
  }
  uint64_t id = b ? b->id : new_id();
  trace.bytes += nsize;
  trace.bytes -= b ? osize : 0;
  trace.live += b == NULL;
  note(b ? REALLOC : MALLOC, (uint32_t)nsize, (uint32_t)id);
  b = grown(b, sizeof *b + nsize);
  b->id = id;
  return b->data;
}

static int write_trace(const char *name) {
  struct {
    char magic[8];
    uint32_t header_bytes, records, ids, peak_live;
    uint64_t peak_bytes;
    uint32_t end_live, clipped, count[OPS];
  } header = {"CPYTRC01",       64,         trace.n, trace.ids, trace.peak_live,
              trace.peak_bytes, trace.live, 0,       {0}};
  _Static_assert(sizeof header == 64, "as documented");
  memcpy(header.count, trace.count, sizeof header.count);
  FILE *f = fopen(name, "wb");
  int ok = f && fwrite(&header, sizeof header, 1, f) == 1 &&
           fwrite(trace.records, sizeof *trace.records, trace.n, f) == trace.n;
  if (f && fclose(f) != 0) ok = 0;
  if (!ok) fprintf(stderr, "record_lua: cannot write %s\n", name);
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* As in examples/lua/main.c. */
FILE *tmpfile(void) { return NULL; }
char *tmpnam(char *buffer) { return (void)buffer, NULL; }
int system(const char *command) { return command ? -1 : 0; }

int main(int argc, char **argv) {
  if (argc < 3) {
    fputs("usage: record_lua TRACE SCRIPT [ARGUMENTS]\n", stderr);
    return EXIT_FAILURE;
  }
  lua_State *L = lua_newstate(allocate, NULL);
  if (!L) return EXIT_FAILURE;
  luaL_openlibs(L);
  note(MARK, 1, 0);
  lua_createtable(L, argc, 0);
  for (int i = 2; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - 2);
  }
  lua_setglobal(L, "arg");
  if (luaL_dofile(L, argv[2]) != LUA_OK) {
    fprintf(stderr, "record_lua: %s\n", lua_tostring(L, -1));
    return EXIT_FAILURE;
  }
  lua_close(L);
  note(MARK, 3, 0);
  return write_trace(argv[1]);
}
