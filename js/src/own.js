/** Where the files of this package lie, as stacks name them.  Some hosts give modules no address, then
 *  it is what no stack has.  (No URL is made of it: what workerd has is none.) */
const folder = String(import.meta.url ?? '').replace(/[^/]*$/, '');

export const OWN = folder === '' ? '\0' : folder;
