#ifndef FOREIGN_LIBC_H
#define FOREIGN_LIBC_H

/* Take the test's first blocks from the library; later calls do nothing. */
void take_first_blocks(void);

#endif
