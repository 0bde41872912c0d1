/** The binary of a module with less in it. */

/** @param {Buffer} bytes  a module, less its custom section `name` and the debug information */
export function withoutNames(bytes) {
  const kept = [bytes.subarray(0, 8)];
  for (let at = 8; at < bytes.length; ) {
    let [size, shift, after, byte] = [0, 0, at + 1, 0];
    do {
      byte = bytes[after++];
      size += (byte & 127) * 2 ** shift;
      shift += 7;
    } while (byte > 127);
    const name = bytes.toString('latin1', after + 1, after + 1 + bytes[after]);
    if (bytes[at] !== 0 || !/^(name|\.debug)/.test(name))
      kept.push(bytes.subarray(at, after + size));
    at = after + size;
  }
  return Buffer.concat(kept);
}
