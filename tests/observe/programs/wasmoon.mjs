/** Lua of wasmoon, which can count what Lua uses. */
import { LuaFactory } from 'wasmoon';

import { compare } from './figures.mjs';

const factory = new LuaFactory();
const lua = await factory.createEngine({ traceAllocations: true });
console.log(
  await lua.doString(
    `
  local words = {}
  for round = 1, ROUNDS do
    for i = 1, 60000 do words[i % 5000 + 1] = { 'word ' .. i, i, i * 2 } end
  end
  return #words .. ' ' .. words[5000][1]`.replace('ROUNDS', process.env.ROUNDS ?? '1'),
  ),
);
await compare('wasmoon', { said: lua.global.getMemoryUsed() });
lua.global.close();
