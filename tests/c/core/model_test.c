/* Random operations agree with the shadow model; PYM_SEED and PYM_OPS repeat a run. */
#include "model.h"
#include "check.h"

#ifndef MODEL_OPS
#define MODEL_OPS 200000
#endif

static void random_operations_agree_with_the_model(void) {
  uint64_t seed = check_seed(), ops = check_option("PYM_OPS", MODEL_OPS);
  if (check_option("PYM_VERBOSE", 0)) model_verbose();
  uint64_t done = model_run(seed, ops, NULL);
  check_print_u64(done);
  check_print(" operations\n");
}

CHECK_CASES(TEST(random_operations_agree_with_the_model));
