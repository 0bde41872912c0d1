/* MicroPython's configuration: the language and its modules without files, no REPL. */
#include <port/mpconfigport_common.h>
#include <stddef.h>

#define MICROPY_CONFIG_ROM_LEVEL MICROPY_CONFIG_ROM_LEVEL_CORE_FEATURES
#define MICROPY_ENABLE_COMPILER 1
#define MICROPY_ENABLE_EXTERNAL_IMPORT 0
#define MICROPY_FLOAT_IMPL MICROPY_FLOAT_IMPL_DOUBLE
#define MICROPY_LONGINT_IMPL MICROPY_LONGINT_IMPL_MPZ
#define MICROPY_NLR_SETJMP 1
#define MICROPY_OPT_COMPUTED_GOTO 0
#define MICROPY_STACK_CHECK 1
#define MICROPY_PY_FSTRINGS 1
#define MICROPY_PY_IO 0
#define MICROPY_USE_INTERNAL_ERRNO 1
#define MICROPY_PY_SYS_PLATFORM "emscripten"
/* Tables of constants would hold addresses in the state, of which each thread has one. */
#define MICROPY_PY_SYS_ARGV 0
#define MICROPY_PY_SYS_MODULES 0

/* Its heap is a list of areas.  When they are full another one is asked for, as large as all of
 * them together; one that is found empty goes back. */
#define MICROPY_ENABLE_GC 1
#define MICROPY_GC_SPLIT_HEAP 1
#define MICROPY_GC_SPLIT_HEAP_AUTO 1
#define MP_PLAT_ALLOC_HEAP(bytes) area_malloc(bytes)
#define MP_PLAT_FREE_HEAP(area) area_free(area)
void *area_malloc(size_t bytes);
void area_free(void *area);
