"""Strings cut, joined, replaced, formatted: texts.py [ROUNDS]"""
import io
import sys

WORDS = "the quick brown fox jumps over a lazy dog while seven wizards brew bitter potions".split()


def paragraph(seed, n):
    out = io.StringIO()
    for i in range(n):
        seed = (seed * 69069 + 1) & 0xFFFFFFFF
        out.write(WORDS[(seed >> 16) % len(WORDS)])
        out.write(".\n" if i % 11 == 10 else " ")
    return out.getvalue()


def main(rounds):
    total = 0
    for r in range(rounds):
        text = paragraph(r, 4000)
        counts = {}
        for word in text.replace(".", " ").split():
            counts[word] = counts.get(word, 0) + 1
        table = "\n".join(f"{w:<12}{c:>6}" for w, c in sorted(counts.items()))
        lines = [" ".join(w.capitalize() for w in s.split(" ")) for s in text.split("\n")]
        slug = ""
        for s in lines:
            slug += s[:8].lower().strip() + "-"
        data = "\n".join(lines).encode("utf-16-le")
        total += len(table) + len(slug) + len(data.decode("utf-16-le").upper().title())
    print("characters", total)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 180)
