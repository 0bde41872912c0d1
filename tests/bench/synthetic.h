/* What a host, or synthetic_main.c, shares with synthetic.c. */
#ifndef BENCH_SYNTHETIC_H
#define BENCH_SYNTHETIC_H

#include <stdint.h>

/* Most addresses that one call of begin or run comes to. */
enum { PIECE = 65536 };

extern uint32_t addresses[PIECE]; /* of the record and of the floor only */

uint32_t kinds(void);
uint32_t seed(void);
const char *kind_name(uint32_t kind);
uint32_t batch(void);
void begin(uint32_t kind, uint32_t live);
uint32_t missing(void);
uint32_t run(uint32_t steps);
uint32_t checksum(void);
uint32_t live_bytes(void);
uint32_t heap_base(void);
uint32_t recorded(void);

#endif
