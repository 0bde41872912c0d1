/* Lua on wasm-pymalloc.  Source of the semantics: Lua 5.4 manual, lua_Alloc. */
#ifndef PYMALLOC_ADAPTERS_LUA_H
#define PYMALLOC_ADAPTERS_LUA_H

#include <stddef.h>

#include "pymalloc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A lua_Alloc: pass it to lua_newstate.
 *
 * ud     pym_heap * that serves this state, or NULL: the default heap
 * ptr    block of this function, or NULL
 * osize  size of the block at ptr; with ptr NULL it is a type tag and not looked at
 * nsize  new size in bytes; 0 frees and returns NULL
 * return block from the object domain, or NULL: out of memory, a limit, or nothing left to hold.
 *        Making a block smaller never fails, which Lua relies on. */
void *pym_lua_alloc(void *ud, void *ptr, size_t osize, size_t nsize);

#ifdef __cplusplus
}
#endif
#endif
