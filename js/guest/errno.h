/* malloc.c asks for <errno.h>; without a C library there is no errno that anybody reads. */
#define ENOMEM 12
#define EINVAL 22
static int errno __attribute__((unused));
