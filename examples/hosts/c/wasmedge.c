/* A host in C: runs a WASI command in WasmEdge with a limit on its memory, then prints its
 * statistics.
 *
 *   wasmedge_host LIMIT MODULE.wasm [ARGS...]       LIMIT in bytes, 0: none */
#include <stdio.h>
#include <stdlib.h>
#include <wasmedge/wasmedge.h>

#include "pymalloc_stats.h"

static struct pym_bytes read_file(const char *name) {
  struct pym_bytes b = {NULL, 0};
  FILE *f = fopen(name, "rb");
  if (!f) return b;
  uint8_t *bytes = malloc((size_t)64 << 20);
  if (bytes) b = (struct pym_bytes){bytes, fread(bytes, 1, (size_t)64 << 20, f)};
  fclose(f);
  return b;
}

/* Calls an export with up to four i32; 0 and a message if it fails. */
static int call(WasmEdge_VMContext *vm, const char *name, const uint32_t *args, uint32_t n,
                uint32_t *out) {
  WasmEdge_Value in[4], result[1] = {WasmEdge_ValueGenI32(0)};
  for (uint32_t i = 0; i < n; i++) in[i] = WasmEdge_ValueGenI32((int32_t)args[i]);
  const WasmEdge_Result r =
      WasmEdge_VMExecute(vm, WasmEdge_StringCreateByCString(name), in, n, result, out ? 1 : 0);
  if (!WasmEdge_ResultOK(r))
    return fprintf(stderr, "%s: %s\n", name, WasmEdge_ResultGetMessage(r)), 0;
  if (out) *out = (uint32_t)WasmEdge_ValueGetI32(result[0]);
  return 1;
}

static WasmEdge_VMContext *instance_of(int argc, const char **argv) {
  static const char *const folders[] = {".:."};
  WasmEdge_ConfigureContext *configuration = WasmEdge_ConfigureCreate();
  WasmEdge_ConfigureAddProposal(configuration, WasmEdge_Proposal_ExceptionHandling);
  WasmEdge_ConfigureAddHostRegistration(configuration, WasmEdge_HostRegistration_Wasi);
  WasmEdge_VMContext *vm = WasmEdge_VMCreate(configuration, NULL);
  WasmEdge_ModuleInstanceInitWASI(
      WasmEdge_VMGetImportModuleContext(vm, WasmEdge_HostRegistration_Wasi), argv, (uint32_t)argc,
      NULL, 0, folders, 1);
  WasmEdge_Result r = WasmEdge_VMLoadWasmFromFile(vm, argv[0]);
  if (WasmEdge_ResultOK(r)) r = WasmEdge_VMValidate(vm);
  if (WasmEdge_ResultOK(r)) r = WasmEdge_VMInstantiate(vm);
  if (WasmEdge_ResultOK(r)) return vm;
  fprintf(stderr, "%s: %s\n", argv[0], WasmEdge_ResultGetMessage(r));
  return NULL;
}

int main(int argc, const char **argv) {
  if (argc < 3) return fprintf(stderr, "wasmedge_host LIMIT MODULE.wasm [ARGS...]\n"), 2;
  const uint32_t limit = (uint32_t)strtoul(argv[1], NULL, 0);
  const struct pym_bytes section = pym_stats_section(read_file(argv[2]));
  WasmEdge_VMContext *vm = instance_of(argc - 2, argv + 2);
  uint32_t root, heap = 0, done;
  if (!vm || !call(vm, "pym_root", NULL, 0, &root)) return 1;
  const WasmEdge_ModuleInstanceContext *module = WasmEdge_VMGetActiveModule(vm);
  WasmEdge_MemoryInstanceContext *memory =
      WasmEdge_ModuleInstanceFindMemory(module, WasmEdge_StringCreateByCString("memory"));
  struct pym_stats stats;
  for (int before = 1; before >= 0; before--) { /* statistics may be read at any time */
    const uint32_t pages = WasmEdge_MemoryInstanceGetPageSize(memory);
    const struct pym_bytes bytes = {WasmEdge_MemoryInstanceGetPointerConst(memory, 0, pages << 16),
                                    (size_t)pages << 16};
    const char *wrong = pym_stats_read(&stats, section, bytes, root, 0);
    if (wrong) return fprintf(stderr, "%s: %s\n", argv[2], wrong), 1;
    if (!before) break;
    if (limit) {
      heap = stats.heap;
      if (!call(vm, "pym_limit_set", (uint32_t[]){heap, 3, PYM_STATS_UNLIMITED, limit}, 4, &done))
        return 1;
    }
    call(vm, "_start", NULL, 0, NULL); /* ends with proc_exit, which is an error here */
  }
  pym_stats_print(stdout, &stats);
  WasmEdge_VMDelete(vm);
  return 0;
}
