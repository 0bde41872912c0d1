/* Ends a slice from within coroutines.
 *
 * A hook that yields returns to whoever resumed the coroutine.  Is that Lua's coroutine.resume, the
 * program would take the end of the slice for a yield of its own.  So resume and wrap are here
 * again, as in lcorolib.c but for this: when the coroutine below ended its slice, they yield too,
 * and continue by resuming it. */
#include "slice.h"

#include "lauxlib.h"

int page_slice_over;

static void on_hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  if (!lua_isyieldable(L)) return;
  page_slice_over = 1;
  lua_yield(L, 0);
}

void page_end_slice(lua_State *L) { lua_sethook(L, on_hook, LUA_MASKCOUNT, 1); }

/* What resume and wrap do with what came back; n < 0: an error, its message is on the stack. */
typedef int finish_fn(lua_State *L, lua_State *co, int n);

static int continued(lua_State *L, int status, lua_KContext ctx);

/* Resumes co until it yields or ends for the program.  Either yields itself, or calls finish. */
static int drive(lua_State *L, lua_State *co, int args, finish_fn *finish) {
  int results, status;
  for (;;) {
    status = lua_resume(co, L, args, &results);
    if (status != LUA_YIELD || !page_slice_over) break;
    if (lua_isyieldable(L)) {
      lua_settop(L, 0);
      lua_pushlightuserdata(L, (void *)finish);
      lua_pushthread(co);
      lua_xmove(co, L, 1);
      return lua_yieldk(L, 0, 0, continued);
    }
    page_slice_over = 0; /* below a sort or gsub: go on */
    args = 0;
  }
  int failed = status != LUA_OK && status != LUA_YIELD;
  if (!failed && !lua_checkstack(L, results + 1)) {
    lua_pop(co, results);
    lua_pushliteral(L, "too many results to resume");
    return finish(L, co, -1);
  }
  lua_xmove(co, L, failed ? 1 : results);
  return finish(L, co, failed ? -1 : results);
}

/* Stack: finish, co. */
static int continued(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return drive(L, lua_tothread(L, 2), 0, (finish_fn *)lua_touserdata(L, 1));
}

static int start(lua_State *L, lua_State *co, int args, finish_fn *finish) {
  if (!lua_checkstack(co, args)) {
    lua_pushliteral(L, "too many arguments to resume");
    return finish(L, co, -1);
  }
  lua_xmove(L, co, args);
  return drive(L, co, args, finish);
}

static int finish_resume(lua_State *L, lua_State *co, int n) {
  (void)co;
  int values = n < 0 ? 1 : n;
  lua_pushboolean(L, n >= 0);
  lua_insert(L, -(values + 1));
  return values + 1;
}

static int co_resume(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTHREAD);
  return start(L, lua_tothread(L, 1), lua_gettop(L) - 1, finish_resume);
}

static int finish_wrap(lua_State *L, lua_State *co, int n) {
  if (n >= 0) return n;
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) {
    status = lua_closethread(co, L); /* closes its variables */
    lua_xmove(co, L, 1);
  }
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int call_wrapped(lua_State *L) {
  return start(L, lua_tothread(L, lua_upvalueindex(1)), lua_gettop(L), finish_wrap);
}

static int co_wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, call_wrapped, 1);
  return 1;
}

void page_open_coroutines(lua_State *L) {
  static const luaL_Reg ours[] = {{"resume", co_resume}, {"wrap", co_wrap}, {NULL, NULL}};
  lua_getglobal(L, "coroutine");
  luaL_setfuncs(L, ours, 0);
  lua_getglobal(L, "debug");
  lua_pushnil(L);
  lua_setfield(L, -2, "sethook");
  lua_pop(L, 2);
}
