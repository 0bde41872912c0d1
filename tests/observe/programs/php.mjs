/** PHP of @php-wasm/node. */
import { PHP } from '@php-wasm/universal';
import { loadNodeRuntime } from '@php-wasm/node';

const php = new PHP(await loadNodeRuntime('8.3', { emscriptenOptions: { processId: 1 } }));
const { text } = await php.run({
  code: `<?php
  $rows = [];
  for ($i = 0; $i < 50000 * ROUNDS; $i++) $rows[$i % 7000] = ['id' => $i, 'name' => "row $i"];
  ksort($rows);
  echo count($rows), ' ', md5(json_encode(array_slice($rows, 0, 3))) === '' ? 'no' : 'ok';`.replace(
    'ROUNDS',
    process.env.ROUNDS ?? '1',
  ),
});
console.log(text);
php.exit();
process.exit(0);
