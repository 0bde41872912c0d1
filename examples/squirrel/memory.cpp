// Squirrel's memory: the library's.
#include <squirrel.h>

#include "adapters/squirrel.h"

PYM_SQUIRREL_MEMORY_FUNCTIONS
