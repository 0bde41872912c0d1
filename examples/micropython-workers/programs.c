#include "programs.h"

static const char words[] =
    "count = {}\n"
    "def step():\n"
    "  for word in ('the cat and the dog and the bird ' * 500).split():\n"
    "    count[word] = count.get(word, 0) + 1\n"
    "def result():\n"
    "  return sorted(count.items())\n";

static const char classes[] =
    "class Node:\n"
    "  def __init__(self, depth):\n"
    "    self.children = [Node(depth - 1) for _ in range(2)] if depth else []\n"
    "  def size(self):\n"
    "    return 1 + sum(child.size() for child in self.children)\n"
    "nodes = 0\n"
    "def step():\n"
    "  global nodes\n"
    "  nodes += Node(10).size()\n"
    "def result():\n"
    "  return nodes\n";

static const char text[] =
    "lines = []\n"
    "def step():\n"
    "  n = len(lines)\n"
    "  lines.append(', '.join([f'{n / 4:.2f}'] * 2000))\n"
    "def result():\n"
    "  joined = '\\n'.join(lines)\n"
    "  return len(joined), joined[-5:], 3 ** len(lines)\n";

/* It asks for all that there is: a MemoryError, and what it held is garbage. */
static const char greedy[] =
    "errors = 0\n"
    "def step():\n"
    "  global errors\n"
    "  blocks = []\n"
    "  try:\n"
    "    while True: blocks.append(bytearray(10000))\n"
    "  except MemoryError:\n"
    "    errors += len(blocks) > 100\n"
    "    blocks.clear()\n"
    "def result():\n"
    "  return f'{errors} times MemoryError'\n";

const char *const programs[PROGRAMS] = {words, classes, text, greedy};
