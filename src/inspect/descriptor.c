/* The custom section once more, as data: Emscripten's JavaScript has the instance of a program, not
 * the module that the section could be read from. */
#include "inspect/descriptor.h"

#define RECORD(n, in, type, of, count, stride, value) \
  {n, in, type, of, 0, count, stride, (u32)(value)},

static const struct {
  struct descriptor_header header;
  struct descriptor_record records[N_RECORDS];
} descriptor = {
    {{'P', 'Y', 'M', 'A', 'L', 'L', 'O', 'C'},
     LAYOUT_VERSION,
     sizeof(struct descriptor_record),
     N_RECORDS},
    {RECORDS},
};

/* For wasm/emscripten/post.js. */
const void *pym_descriptor(void);
const void *pym_descriptor(void) { return &descriptor; }
