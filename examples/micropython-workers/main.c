/* MicroPython with Emscripten's threads: each worker has an interpreter of its own, whose heap is
 * made of raw blocks of this library, up to a limit of its own.  Raw blocks come from one heap that
 * all workers share: the raw domain may be called from any thread.
 *
 *   micropython-workers [WORKERS] */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs.h"
#include "py/compile.h"
#include "py/gc.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "pymalloc.h"

#define WORKERS_MOST 8
#define STEPS 20
#define FIRST_AREA (64u << 10) /* bytes; the next ones are larger */
#define LIMIT (4u << 20)       /* bytes of a worker's areas */
#define STACK (768u << 10)     /* bytes; the thread has 1 MiB */

struct worker {
  pthread_t id;
  const char *program;
  int garbage; /* a collection is due */
  unsigned areas;
  size_t bytes, peak_bytes; /* of the areas */
  size_t length;
  char output[256]; /* what the program printed */
};
static _Thread_local struct worker *self;

/* ---- What MicroPython asks of its port ---------------------------------------------------- */

void *area_malloc(size_t bytes) {
  void *area = pym_raw_malloc(bytes);
  if (!area) return NULL;
  self->areas++;
  self->bytes += pym_usable_size(area);
  if (self->bytes > self->peak_bytes) self->peak_bytes = self->bytes;
  return area;
}

void area_free(void *area) {
  self->bytes -= pym_usable_size(area);
  pym_raw_free(area);
}

/* Bytes that the next area may have at most; a block may be a little larger than it was asked for.
 */
size_t gc_get_max_new_split(void) {
  const size_t used = self->bytes + PYM_RAW_ALIGNMENT;
  return used < LIMIT ? LIMIT - used : 0;
}

/* It is called in the midst of a statement, when WebAssembly's locals, where nobody can look, hold
 * references too.  So the heap grows now; collect_garbage comes when the statement has ended. */
void gc_collect(void) { self->garbage = 1; }

void mp_hal_stdout_tx_strn_cooked(const char *text, size_t n) {
  const size_t room = sizeof self->output - 1 - self->length;
  memcpy(self->output + self->length, text, n < room ? n : room);
  self->length += n < room ? n : room;
}

/* An exception that nobody waits for: there is none, run() does. */
void nlr_jump_fail(void *exception) {
  (void)exception;
  abort();
}

/* ---- A worker ----------------------------------------------------------------------------- */

static void collect_garbage(void) {
  if (!self->garbage) return;
  self->garbage = 0;
  gc_collect_start(); /* marks from the interpreter's state: no statement runs */
  gc_collect_end();
}

/* Run statements; print their exception. */
static void run(const char *source) {
  nlr_buf_t caught;
  if (nlr_push(&caught) == 0) {
    mp_lexer_t *lexer = mp_lexer_new_from_str_len(MP_QSTR__lt_stdin_gt_, source, strlen(source), 0);
    const qstr name = lexer->source_name;
    mp_parse_tree_t tree = mp_parse(lexer, MP_PARSE_FILE_INPUT);
    mp_call_function_0(mp_compile(&tree, name, false));
    nlr_pop();
  } else {
    mp_obj_print_exception(&mp_plat_print, MP_OBJ_FROM_PTR(caught.ret_val));
  }
}

static void *work(void *arg) {
  self = arg;
  mp_cstack_init_with_sp_here(STACK);
  char *first = area_malloc(FIRST_AREA);
  if (!first) return NULL;
  gc_init(first, first + FIRST_AREA);
  /* Be told of garbage before the area is full. */
  MP_STATE_MEM(gc_alloc_threshold) = FIRST_AREA / 4 / MICROPY_BYTES_PER_GC_BLOCK;
  mp_init();
  run(self->program);
  for (int i = 0; i < STEPS; i++) {
    run("step()");
    collect_garbage();
  }
  run("print(result())");
  mp_deinit();
  gc_sweep_all(); /* gives back all areas but the first */
  area_free(first);
  return NULL;
}

static uint64_t raw_bytes(void) {
  pym_domain_stats stats;
  pym_domain_stats_get(pym_heap_default(), PYM_RAW, &stats);
  return stats.live_bytes;
}

int main(int argc, char **argv) {
  static struct worker workers[WORKERS_MOST];
  const int n = argc > 1 ? atoi(argv[1]) : 4;
  if (n < 1 || n > WORKERS_MOST) return 2;
  const uint64_t before = raw_bytes();
  for (int i = 0; i < n; i++) {
    workers[i].program = programs[i % PROGRAMS];
    if (pthread_create(&workers[i].id, NULL, work, &workers[i])) return 1;
  }
  for (int i = 0; i < n; i++) {
    const struct worker *w = &workers[i];
    pthread_join(w->id, NULL);
    printf("worker %d: %u areas, peak %zu KiB: %s", i, w->areas, w->peak_bytes >> 10, w->output);
  }
  pym_domain_stats stats;
  pym_domain_stats_get(pym_heap_default(), PYM_RAW, &stats);
  printf("raw domain: %llu bytes before, %llu after, peak %llu KiB, %llu blocks in all\n",
         (unsigned long long)before, (unsigned long long)stats.live_bytes,
         (unsigned long long)stats.peak_bytes >> 10, (unsigned long long)stats.total_blocks);
  const int unsound = pym_check(pym_heap_default());
  printf("heap: %s\n", unsound ? pym_check_message() : "sound");
  return unsound;
}
