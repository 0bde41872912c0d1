/** C++ with Emscripten: Draco encodes a mesh and decodes it again. */
import { createRequire } from 'node:module';

const draco3d = createRequire(import.meta.url)('draco3d');
const encoderModule = await draco3d.createEncoderModule({});
const decoderModule = await draco3d.createDecoderModule({});
const side = 60;
const positions = new Float32Array(side * side * 3);
for (let i = 0; i < side * side; i++) {
  positions.set([i % side, Math.floor(i / side), Math.sin(i / 50) * 5], i * 3);
}
const faces = [];
for (let y = 0; y + 1 < side; y++) {
  for (let x = 0; x + 1 < side; x++) {
    const at = y * side + x;
    faces.push(at, at + 1, at + side, at + 1, at + side + 1, at + side);
  }
}
let size = 0,
  points = 0;
for (let round = 0; round < 2 * Number(process.env.ROUNDS ?? 1); round++) {
  const encoder = new encoderModule.Encoder();
  const builder = new encoderModule.MeshBuilder();
  const mesh = new encoderModule.Mesh();
  builder.AddFacesToMesh(mesh, faces.length / 3, new Uint32Array(faces));
  builder.AddFloatAttributeToMesh(mesh, encoderModule.POSITION, side * side, 3, positions);
  const out = new encoderModule.DracoInt8Array();
  size = encoder.EncodeMeshToDracoBuffer(mesh, out);
  const bytes = Int8Array.from({ length: size }, (_, i) => out.GetValue(i));
  for (const one of [out, mesh, builder, encoder]) encoderModule.destroy(one);
  const decoder = new decoderModule.Decoder();
  const buffer = new decoderModule.DecoderBuffer();
  buffer.Init(bytes, size);
  const back = new decoderModule.Mesh();
  decoder.DecodeBufferToMesh(buffer, back);
  points = back.num_points();
  for (const one of [back, buffer, decoder]) decoderModule.destroy(one);
}
console.log(size > 1000, points);
