#ifndef PYM_CORE_TYPES_H
#define PYM_CORE_TYPES_H

#include <stdint.h>

#define PYM_NO_INLINE
#include "pymalloc.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
/* An offset in linear memory; a number of its bytes. */
typedef pym_size addr, usize;

#endif
