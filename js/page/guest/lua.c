/* Lua for the page: runs a program in slices, so that its worker can look at messages meanwhile.
 *
 *   page_start   loads the program into a coroutine of a new state
 *   page_resume  runs it until the slice is over or the program ends
 *
 * The end of a slice is noticed in lvm.c: wherever Lua's virtual machine looks whether a hook was
 * set (at every jump, call back from C, collection), it counts down page_ticks first (see tick.h).
 * At 0 the host is asked, which reads the heap if it is time to, and may want the slice to end.
 * Then a hook is set, it fires at the next instruction and yields.  A count hook that is always
 * on would do the same, and would cost every instruction a call.
 *
 * Where Lua cannot yield (in a comparator of table.sort, a callback of string.gsub, a finalizer)
 * the program goes on until it can. */
#include <emscripten.h>
#include <stdio.h>
#include <string.h>

#include "adapters/lua.h"
#include "adapters/lua_frames.h"
#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"
#include "slice.h"

enum result { RUNNING, DONE, FAILED, NO_MEMORY };

int page_ticks = 1;

/* How many ticks until the next call; negative: the same, and the slice is over. */
extern int page_host_tick(void);

static lua_State *state;   /* the main thread, which runs nothing itself */
static lua_State *program; /* the coroutine */
static char message[16384];

int page_tick(lua_State *L) {
  int ticks = page_host_tick();
  page_ticks = ticks < 0 ? -ticks : ticks;
  if (ticks < 0 && lua_isyieldable(L)) page_end_slice(L);
  return 0;
}

static void note(const char *text) {
  size_t n = strlen(text);
  if (n >= sizeof message) n = sizeof message - 1;
  memcpy(message, text, n);
  message[n] = 0;
}

/* Outside of any protected call: only if page_start itself has no memory, which it notices. */
static int panic(lua_State *L) {
  const char *text = lua_tostring(L, -1);
  fprintf(stderr, "lua: outside of any protected call: %s\n", text ? text : "?");
  return 0;
}

static int open_program(lua_State *L) {
  const char *source = lua_touserdata(L, 1), *name = lua_touserdata(L, 2);
  luaL_openlibs(L);
  page_open_coroutines(L);
  program = lua_newthread(L);
  pym_lua_frames(program);
  lua_setfield(L, LUA_REGISTRYINDEX, "page.program");
  if (luaL_loadbufferx(program, source, strlen(source), name, "t") != LUA_OK) {
    lua_xmove(program, L, 1);
    return lua_error(L);
  }
  return 0;
}

static enum result failed(int status, const char *text) {
  note(text ? text : "(error object is no string)");
  return status == LUA_ERRMEM ? NO_MEMORY : FAILED;
}

EMSCRIPTEN_KEEPALIVE void page_close(void) {
  pym_lua_frames(NULL);
  if (state) lua_close(state);
  state = program = NULL;
}

/* source, name  NUL-terminated; the name is Lua's chunk name, "=prog.lua"
 * return        RUNNING, or why it cannot run */
EMSCRIPTEN_KEEPALIVE enum result page_start(const char *source, const char *name) {
  page_close();
  message[0] = 0;
  state = lua_newstate(pym_lua_alloc, NULL);
  if (!state) return failed(LUA_ERRMEM, "not enough memory");
  lua_atpanic(state, panic);
  lua_pushcfunction(state, open_program);
  lua_pushlightuserdata(state, (void *)source);
  lua_pushlightuserdata(state, (void *)name);
  int status = lua_pcall(state, 2, 0, 0);
  return status == LUA_OK ? RUNNING : failed(status, lua_tostring(state, -1));
}

/* The message with a traceback of the program, as far as there is memory for that. */
static int traceback(lua_State *L) {
  const char *text = lua_touserdata(L, 1);
  luaL_traceback(L, program, text, 0);
  note(lua_tostring(L, -1));
  return 0;
}

static enum result explain(int status) {
  const char *text = lua_tostring(program, -1);
  enum result result = failed(status, text);
  lua_pushcfunction(state, traceback);
  lua_pushlightuserdata(state, (void *)(text ? text : "(error object is no string)"));
  if (lua_pcall(state, 1, 0, 0) != LUA_OK) lua_pop(state, 1);
  return result;
}

static enum result resume(void) {
  int results = 0;
  if (!program) return DONE;
  for (;;) {
    page_slice_over = 0;
    int status = lua_resume(program, NULL, 0, &results);
    if (status == LUA_YIELD && page_slice_over) return RUNNING;
    if (status == LUA_OK) return DONE;
    if (status != LUA_YIELD) return explain(status);
    lua_pop(program, results); /* coroutine.yield() by the program itself: nobody is there */
  }
}

EMSCRIPTEN_KEEPALIVE enum result page_resume(void) {
  enum result result = resume();
  fflush(stdout); /* a line without an end is to be seen too */
  return result;
}

/* Why page_start or page_resume failed. */
EMSCRIPTEN_KEEPALIVE const char *page_message(void) { return message; }

/* A full garbage collection; what it frees can be seen in the heap.  Not while page_resume runs. */
static int collect(lua_State *L) {
  lua_gc(L, LUA_GCCOLLECT);
  return 0;
}

EMSCRIPTEN_KEEPALIVE void page_collect(void) {
  if (!state) return;
  lua_pushcfunction(state, collect);
  if (lua_pcall(state, 0, 0, 0) != LUA_OK) lua_pop(state, 1);
}
