/* Included before an allocator's source: it grows memory by this, which takes the time of that. */
#include <stddef.h>
size_t longest_grow(int memory, size_t pages);
#define __builtin_wasm_memory_grow longest_grow
