/* Random operations against the shadow model. */
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

/* Run operations 0..ops-1 of `seed`, without those whose bit is set in `left_out` (NULL: all).
 * Operation i depends on seed and i alone, so what is left is the same operations.
 * Returns the number of operations done when the first check failed, or `ops`. */
uint64_t model_run(uint64_t seed, uint64_t ops, const uint8_t *left_out);

/* Print each operation from now on. */
void model_verbose(void);

#endif
