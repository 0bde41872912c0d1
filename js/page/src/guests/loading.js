/** How much of what is being loaded has come. */

/** @typedef {{done: number, total: number}} Loaded  bytes; total 0: not known */

/** Counts what fetch brings while fn runs.
 *  @template T  @param {() => Promise<T>} fn
 *  @param {(loaded: Loaded) => void} tell  as it comes
 *  @returns {Promise<T>} */
export async function counted(fn, tell) {
  const { fetch } = globalThis;
  const loaded = { done: 0, total: 0 };
  globalThis.fetch = async (...args) => {
    const response = await fetch(...args);
    const { body, headers, status, statusText } = response;
    if (!body || !response.ok) return response;
    loaded.total += Number(headers.get('content-length') ?? 0);
    const count = new TransformStream({
      transform(chunk, controller) {
        loaded.done += chunk.length;
        // What is packed on its way is longer here than its length says.
        tell({ done: loaded.done, total: Math.max(loaded.total, loaded.done) });
        controller.enqueue(chunk);
      },
    });
    return new Response(body.pipeThrough(count), { headers, status, statusText });
  };
  try {
    return await fn();
  } finally {
    globalThis.fetch = fetch;
  }
}
