/** What a guest can be asked to do: what its module exports. */

/** @param {WebAssembly.Module} module
 *  @returns {Pick<import('../protocol.js').Controls, 'limits' | 'dump' | 'check' | 'profile'>} */
export function controlsOf(module) {
  const names = new Set(WebAssembly.Module.exports(module).map((e) => e.name));
  return {
    limits: names.has('pym_limit_set'),
    dump: names.has('pym_dump_stderr'),
    check: names.has('pym_check') && names.has('pym_check_message'),
    profile: names.has('pym_profile'),
  };
}
