/** @param {Promise<import('wasm-pymalloc').Allocator>} creating */
export function show(creating) {
  window.outcome = creating
    .then((heap) => {
      const live = () =>
        Object.values(heap.heap.stats().domains).reduce(
          (sum, { liveBlocks }) => sum + liveBlocks,
          0,
        );
      const p = heap.malloc(1000);
      heap.u8.fill(7, p, p + 1000);
      const during = live();
      heap.free(p);
      return { p, during, after: live() };
    })
    .catch((error) => ({ error: String(error.stack ?? error) }));
}
