/** MicroPython, with a heap of its own inside of malloc's. */
import { loadMicroPython } from '@micropython/micropython-webassembly-pyscript';

const python = await loadMicroPython({ heapsize: 4 << 20, stdout: (line) => console.log(line) });
python.runPython(
  `
words = {}
for i in range(40000 * ROUNDS):
    words["word %d" % (i % 3000)] = [i, str(i)]
print(len(words), sorted(words)[0])`.replace('ROUNDS', process.env.ROUNDS ?? '1'),
);
