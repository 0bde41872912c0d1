/* The lock with Emscripten. */
#include <emscripten/threading.h>

#include "ports/lock_wasm.h"

static int may_wait(void) { return !emscripten_is_main_browser_thread(); }
