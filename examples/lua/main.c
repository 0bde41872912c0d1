/* A small `lua`: lua.wasm [-e CODE] [SCRIPT | -] [ARGUMENTS]
 *
 * As the standalone interpreter of Lua, without its options and its prompt.  The state's memory
 * comes from pym_lua_alloc on the default heap.  Exit code 1 after an error, with a traceback on
 * standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

#ifdef LUA_ON_LIBC
static void *allocate(void *ud, void *p, size_t osize, size_t nsize) {
  (void)ud, (void)osize;
  if (nsize == 0) {
    free(p);
    return NULL;
  }
  return realloc(p, nsize);
}
#else
#include "adapters/lua.h"
#define allocate pym_lua_alloc
#endif

/* With pymalloc::lua_frames a heap profile has Lua's functions and lines. */
#ifdef LUA_FRAMES
#include "adapters/lua_frames.h"
#define show_frames_of pym_lua_frames
#else
#define show_frames_of(L) (void)(L)
#endif

#if LUA_VERSION_NUM >= 505
#define new_state() lua_newstate(allocate, NULL, luaL_makeseed(NULL))
#else
#define new_state() lua_newstate(allocate, NULL)
#endif

/* WASI has neither temporary files nor a shell.  With these answers io.tmpfile and os.tmpname fail
 * with a message and os.execute() tells that there is no shell. */
FILE *tmpfile(void) { return NULL; }
char *tmpnam(char *buffer) { return (void)buffer, NULL; }
int system(const char *command) { return command ? -1 : 0; }

static int traceback(lua_State *L) {
  const char *message = lua_tostring(L, 1);
  luaL_traceback(L, L, message ? message : "(error object is no string)", 1);
  return 1;
}

static int panic(lua_State *L) {
  const char *message = lua_tostring(L, -1);
  fprintf(stderr, "lua: outside of any protected call: %s\n", message ? message : "?");
  return 0;
}

/* The table `arg`: the script's name at 0, what follows it from 1 on. */
static void set_arguments(lua_State *L, int argc, char **argv, int script) {
  lua_createtable(L, argc - script, script + 1);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - script);
  }
  lua_setglobal(L, "arg");
}

/* Runs in protected mode: also the libraries may run out of memory. */
static int run(lua_State *L) {
  int argc = (int)lua_tointeger(L, 1);
  char **argv = lua_touserdata(L, 2);
  int script = 1, status = LUA_OK;
  lua_settop(L, 0);
  luaL_openlibs(L);
  if (argc > 2 && strcmp(argv[1], "-e") == 0) {
    script = 3;
    set_arguments(L, argc, argv, script);
    status = luaL_loadbufferx(L, argv[2], strlen(argv[2]), "=(-e)", "t");
    if (status == LUA_OK) lua_call(L, 0, 0);
  }
  if (status == LUA_OK && (script < argc || script == 1)) {
    const char *file = script == argc || strcmp(argv[script], "-") == 0 ? NULL : argv[script];
    set_arguments(L, argc, argv, script);
    status = luaL_loadfile(L, file);
    if (status == LUA_OK) {
      int n = argc - script - 1;
      luaL_checkstack(L, n > 0 ? n : 0, "too many arguments");
      for (int i = script + 1; i < argc; i++) lua_pushstring(L, argv[i]);
      lua_call(L, n > 0 ? n : 0, 0);
    }
  }
  return status == LUA_OK ? 0 : lua_error(L);
}

int main(int argc, char **argv) {
  lua_State *L = new_state();
  if (!L) {
    fputs("lua: out of memory\n", stderr);
    return 1;
  }
  show_frames_of(L);
  lua_atpanic(L, panic);
  lua_pushcfunction(L, traceback);
  lua_pushcfunction(L, run);
  lua_pushinteger(L, argc);
  lua_pushlightuserdata(L, argv);
  int status = lua_pcall(L, 2, 0, 1);
  if (status != LUA_OK) fprintf(stderr, "lua: %s\n", lua_tostring(L, -1));
  show_frames_of(NULL);
  lua_close(L);
  return status == LUA_OK ? 0 : 1;
}
