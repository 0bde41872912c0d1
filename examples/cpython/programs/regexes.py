"""Log lines taken apart by regular expressions: regexes.py [ROUNDS]"""
import re
import sys

LINE = re.compile(
    r"(?P<host>\S+) - (?P<user>\w+|-) \[(?P<time>[^\]]+)\] "
    r'"(?P<verb>[A-Z]+) (?P<path>[^ ?"]*)(?:\?(?P<query>[^ "]*))? HTTP/\d\.\d" '
    r"(?P<status>\d{3}) (?P<size>\d+|-)"
)
WORD = re.compile(r"[A-Za-z]+|\d+")


def line(i):
    query = f"?id={i}&page={i % 9}" if i % 3 else ""
    return (
        f'10.0.{i % 256}.{i % 7} - {"-" if i % 5 else "alice"} [22/Nov/2024:10:{i % 60:02}:00] '
        f'"GET /shop/item{i % 40}/view{query} HTTP/1.1" {200 + i % 4} {i * 7 % 5000}'
    )


def main(rounds):
    lines = [line(i) for i in range(1500)]
    size = words = changed = 0
    for _ in range(rounds):
        for text in lines:
            found = LINE.match(text).groupdict()
            size += int(found["size"])
            words += len(WORD.findall(found["path"]))
            for pair in (found["query"] or "").split("&"):
                name, _, value = pair.partition("=")
                words += len(name) + len(value)
        changed += len(re.sub(r"\d+", lambda m: f"<{m.group()}>", "\n".join(lines)))
    print("size", size, "words", words, "changed", changed)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
