/** What the preload says at this moment, for programs that compare it with what a package says. */

/** @param {string} part  of the module's name  @returns {Promise<object | null>} null: no preload */
export async function statsOf(part) {
  if (!process.env.PYM_ENTRY) return null;
  const { watches } = await import(process.env.PYM_ENTRY);
  return (
    watches()
      .find(({ name }) => name.includes(part))
      ?.watch.stats() ?? null
  );
}

/** Prints what the package says beside what was observed.
 *  @param {string} part  of the module's name  @param {Record<string, number>} figures */
export async function compare(part, figures) {
  const stats = await statsOf(part);
  console.log(
    'figures',
    JSON.stringify({
      ...figures,
      bytes: stats?.domains.malloc.liveBytes ?? null,
      blocks: stats?.domains.malloc.liveBlocks ?? null,
    }),
  );
}
