/* Strings and lists of a WebAssembly component, as the canonical ABI passes them:
 * pymalloc::component.
 *
 * The host asks cabi_realloc for memory, writes an argument there and calls the function, which
 * owns the block then.  What a function returns is freed by its cabi_post_ function. */
#ifndef PYMALLOC_COMPONENT_H
#define PYMALLOC_COMPONENT_H

#include <stddef.h>

/* Exported under this name.  Blocks are of the mem domain.
 *
 * old    NULL, or a block of old_size bytes: it may move
 * size   0: no block, but an address that is aligned; nothing has to be freed
 * return never NULL: traps where there is no memory, since the ABI has no other answer */
void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size);

/* Free an argument, or a result, of `bytes` bytes.  Of none there is no block: p is not looked at,
 * since hosts pass any address with a string of no bytes. */
void pym_component_free(void *p, size_t bytes);

#endif
