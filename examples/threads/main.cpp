// A C++ program with threads on the library: four workers count the words of their part of a text in a
// map of their own, and the main thread joins the maps, so it frees what the workers allocated.
//
//   main [WORKERS [WORDS]]
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "pymalloc.h"

namespace {

using Counts = std::map<std::string, unsigned>;

// The n-th word: some are frequent, most are rare.
std::string word(uint64_t n) {
  uint64_t z = (n + 1) * 0x9e3779b97f4a7c15u;
  z ^= z >> 29;
  const uint64_t rank = z % (1 + (z >> 32) % 5000);
  return "word-" + std::string(rank % 40, 'x') + std::to_string(rank);
}

void count_words(Counts &counts, uint64_t from, uint64_t to) {
  for (uint64_t n = from; n < to; n++) counts[word(n)]++;
}

unsigned long long live_blocks() {
  unsigned long long sum = 0;
  for (const pym_domain domain : {PYM_RAW, PYM_OBJ}) {
    pym_domain_stats stats;
    pym_domain_stats_get(pym_heap_default(), domain, &stats);
    sum += stats.live_blocks;
  }
  return sum;
}

}  // namespace

int main(int argc, char **argv) {
  const unsigned workers = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 4;
  const uint64_t words = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 400000;
  std::vector<Counts> parts(workers);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < workers; i++)
    threads.emplace_back(count_words, std::ref(parts[i]), words * i / workers,
                         words * (i + 1) / workers);
  for (std::thread &thread : threads) thread.join();
  Counts all;
  uint64_t sum = 0;
  for (Counts &part : parts) {
    for (const auto &[text, n] : part) all[text] += n;
    Counts().swap(part);
  }
  for (const auto &[text, n] : all) sum += n;
  std::printf("%u workers: %llu words, %zu different, %llu blocks in use\n", workers,
              static_cast<unsigned long long>(sum), all.size(), live_blocks());
  if (const int bad = pym_check(pym_heap_default())) return bad;
  return sum == words ? 0 : 1;
}
