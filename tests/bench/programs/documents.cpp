// A C++ program that works on text: documents of nested elements are parsed into trees of shared
// nodes, changed, searched and written out again; pages of 1 to 60 KB are kept in a cache that
// drops the least recent.  Strings of every length grow, vectors move, lifetimes cross.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

uint32_t state = 20240607;

uint32_t below(uint32_t n) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return uint32_t(uint64_t(state) * n >> 32);
}

struct node {
  std::string name, text;
  std::map<std::string, std::string> attributes;
  std::vector<std::shared_ptr<node>> children;
  std::weak_ptr<node> parent;
};
using pointer = std::shared_ptr<node>;

const char *const names[] = {"section", "p", "em", "table", "row", "cell", "note", "a"};

void write_random(std::string &out, uint32_t depth) {
  const char *name = names[below(8)];
  out += '<';
  out += name;
  for (uint32_t n = below(4); n > 0; n--)
    out += " k" + std::to_string(below(9)) + "=\"" + std::string(1 + below(30), 'v') + '"';
  out += '>';
  if (depth == 0) {
    out += std::string(below(200), char('a' + below(26)));
  } else {
    for (uint32_t n = 1 + below(5); n > 0; n--) write_random(out, depth - 1);
  }
  out += "</";
  out += name;
  out += '>';
}

// Reads what write_random and print wrote; nothing else.
class parser {
 public:
  explicit parser(std::string_view text) : text_(text) {}

  pointer element() {
    auto made = std::make_shared<node>();
    skip('<');
    made->name = word();
    while (peek() == ' ') {
      skip(' ');
      std::string key = word();
      skip('=');
      skip('"');
      made->attributes[key] = until('"');
      skip('"');
    }
    skip('>');
    while (true) {
      made->text += until('<');
      if (text_[at_ + 1] == '/') break;
      pointer child = element();
      child->parent = made;
      made->children.push_back(std::move(child));
    }
    until('>');
    skip('>');
    return made;
  }

 private:
  char peek() const { return text_[at_]; }
  void skip(char c) {
    if (text_[at_++] != c) std::abort();
  }
  std::string word() {
    size_t from = at_;
    while (text_[at_] != ' ' && text_[at_] != '>' && text_[at_] != '=') at_++;
    return std::string(text_.substr(from, at_ - from));
  }
  std::string until(char c) {
    size_t from = at_;
    at_ = text_.find(c, from);
    return std::string(text_.substr(from, at_ - from));
  }

  std::string_view text_;
  size_t at_ = 0;
};

void print(const node &from, std::string &out) {
  out += '<' + from.name;
  for (const auto &[key, value] : from.attributes) out += ' ' + key + "=\"" + value + '"';
  out += '>';
  out += from.text;
  for (const pointer &child : from.children) print(*child, out);
  out += "</" + from.name + '>';
}

// Breadth first over the tree; some nodes go, some move to another place, some get text.
uint32_t change(const pointer &root) {
  std::deque<pointer> queue{root};
  std::vector<pointer> cut;
  uint32_t sum = 0;
  while (!queue.empty()) {
    pointer one = std::move(queue.front());
    queue.pop_front();
    sum = sum * 31 + uint32_t(one->attributes.size() + one->text.size());
    one->attributes["id"] = std::to_string(sum);
    if (!one->children.empty() && below(6) == 0) {
      cut.push_back(std::move(one->children.back()));
      one->children.pop_back();
    } else if (!cut.empty() && below(8) == 0) {
      cut.back()->parent = one;
      one->children.push_back(std::move(cut.back()));
      cut.pop_back();
    }
    if (below(10) == 0) one->text.append(below(600), '.');
    for (const pointer &child : one->children) queue.push_back(child);
  }
  return sum;
}

// Pages by number, at most 64, the least recently asked for dropped.
class cache {
 public:
  uint32_t ask(uint32_t number) {
    auto found = where_.find(number);
    if (found != where_.end()) {
      pages_.splice(pages_.begin(), pages_, found->second);
    } else {
      std::string page = "page " + std::to_string(number);
      uint32_t size = 1000 + (number * 2654435761u >> 16) % 60000;
      while (page.size() < size) page += " line of page " + std::to_string(page.size() % 997);
      pages_.emplace_front(number, std::move(page));
      where_[number] = pages_.begin();
      if (pages_.size() > 64) {
        where_.erase(pages_.back().first);
        pages_.pop_back();
      }
    }
    return uint32_t(pages_.front().second.size());
  }

 private:
  std::list<std::pair<uint32_t, std::string>> pages_;
  std::unordered_map<uint32_t, std::list<std::pair<uint32_t, std::string>>::iterator> where_;
};

}  // namespace

// documents [SCALE]: percent of the work; prints a number, the same for every allocator.
int main(int argc, char **argv) {
  uint32_t scale = argc > 1 ? uint32_t(std::atoi(argv[1])) : 10, sum = 0;
  cache pages;
  std::vector<pointer> kept(8);
  for (uint32_t i = 0; i < 4 * scale; i++) {
    std::string text, out;
    write_random(text, 5);
    pointer root = parser(text).element();
    sum = sum * 31 + change(root);
    print(*root, out);
    sum = sum * 31 + uint32_t(out.size());
    kept[below(8)] = parser(out).element();
    for (uint32_t n = 20; n > 0; n--)
      sum = sum * 31 + pages.ask(below(20) ? below(80) : below(4000));
  }
  std::printf("%08x\n", unsigned(sum));
}
