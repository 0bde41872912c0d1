/* Entry point where there is no libc and no host: the runner calls test_main() and reads the text
 * at test_log_ptr(), test_log_len() bytes of it. */
#include "check.h"

#define LOG_BYTES 16384

static char text_log[LOG_BYTES];
static size_t text_used;

void check_write(const char *text, size_t n) {
  for (size_t i = 0; i < n && text_used < LOG_BYTES; i++) text_log[text_used++] = text[i];
}

const char *check_variable(const char *name) {
  (void)name;
  return NULL;
}

/* No clock and no imports: the run is always the same. */
uint64_t check_fresh_seed(void) { return 20240229; }

#define EXPORT(name) __attribute__((export_name(name), used))

EXPORT("test_main") int test_main(void) { return (int)check_run(NULL); }
EXPORT("test_log_ptr") const char *test_log_ptr(void) { return text_log; }
EXPORT("test_log_len") size_t test_log_len(void) { return text_used; }
