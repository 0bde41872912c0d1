// A C++ program of the usual kind: strings, vectors, maps, lists, trees of owned nodes, all by new
// and delete.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

uint32_t state;

uint32_t next() {
  state ^= state << 13;
  state ^= state >> 17;
  return state ^= state << 5;
}

uint32_t below(uint32_t n) { return uint32_t(uint64_t(next()) * n >> 32); }

std::string word() {
  static const char *const syllables[] = {"ka", "to", "ri", "men", "sal", "o", "vir", "e"};
  std::string text;
  for (uint32_t n = 1 + below(6); n > 0; n--) text += syllables[below(8)];
  return text;
}

// An index of the lines of a text that each word is in; longest entry, sorted words joined.
uint32_t index_text(uint32_t lines) {
  std::vector<std::string> text;
  for (uint32_t i = 0; i < lines; i++) {
    std::string line;
    for (uint32_t n = 3 + below(12); n > 0; n--) line += word() + ' ';
    text.push_back(std::move(line));
  }
  std::unordered_map<std::string, std::vector<uint32_t>> index;
  for (uint32_t i = 0; i < lines; i++) {
    for (size_t from = 0, to; (to = text[i].find(' ', from)) != std::string::npos; from = to + 1)
      index[text[i].substr(from, to - from)].push_back(i);
  }
  std::vector<std::string> words;
  size_t longest = 0;
  for (const auto &[name, where] : index) {
    words.push_back(name);
    longest = std::max(longest, where.size());
  }
  std::sort(words.begin(), words.end());
  uint32_t sum = uint32_t(longest);
  for (const auto &name : words) sum = sum * 31 + uint32_t(index[name].size() + name.size());
  return sum;
}

// A queue of events by time, each of which makes others.
uint32_t simulate(uint32_t events) {
  struct event {
    uint32_t from;
    std::string name;
    std::list<uint32_t> path;
  };
  std::multimap<uint32_t, std::unique_ptr<event>> queue;
  std::map<uint32_t, uint32_t> arrived;
  for (uint32_t i = 0; i < 500; i++)
    queue.emplace(below(1000), std::make_unique<event>(event{i, word(), {i}}));
  for (uint32_t i = 0; i < events; i++) {
    auto first = queue.begin();
    uint32_t now = first->first;
    std::unique_ptr<event> e = std::move(first->second);
    queue.erase(first);
    arrived[e->from % 997] += uint32_t(e->path.size() + e->name.size());
    if (e->path.size() > 12) e->path.clear();
    e->path.push_back(now);
    e->name = word();
    e->from += now;
    queue.emplace(now + 1 + below(1000), std::move(e));
  }
  uint32_t sum = 0;
  for (const auto &[from, count] : arrived) sum = sum * 31 + from + count;
  return sum;
}

struct node {
  std::unique_ptr<node> left, right;
  uint32_t key;
  std::string value;
};

// A search tree from which nodes are taken again.
uint32_t grow_tree(uint32_t steps) {
  std::unique_ptr<node> root;
  uint32_t sum = 0;
  for (uint32_t i = 0; i < steps; i++) {
    uint32_t key = below(20000);
    std::unique_ptr<node> *at = &root;
    while (*at && (*at)->key != key) at = key < (*at)->key ? &(*at)->left : &(*at)->right;
    if (!*at) {
      *at = std::make_unique<node>(node{nullptr, nullptr, key, word() + word()});
    } else if (!(*at)->left || !(*at)->right) {
      sum = sum * 31 + uint32_t((*at)->value.size());
      *at = std::move((*at)->left ? (*at)->left : (*at)->right);
    }
  }
  return sum;
}

}  // namespace

// containers [SCALE]: percent of the work; prints a number, the same for every allocator.
int main(int argc, char **argv) {
  uint32_t scale = argc > 1 ? uint32_t(std::atoi(argv[1])) : 10;
  state = 20240607;
  uint32_t sum = 0;
  for (uint32_t i = 0; i < 5; i++) {
    sum = sum * 31 + index_text(80 * scale);
    sum = sum * 31 + simulate(800 * scale);
    sum = sum * 31 + grow_tree(800 * scale);
  }
  std::printf("%08x\n", unsigned(sum));
}
