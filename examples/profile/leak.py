# A cache that nobody empties: who holds the memory?
#
#   wasm-pymalloc run --profile heap.pb.gz ... python.wasm leak.py
import json

CACHE = {}


class Handler:
    def handle(self, number):
        text = json.dumps({"id": number, "rows": list(range(50))})
        CACHE[number] = json.loads(text)  # the leak
        return len(text)


def main():
    handler = Handler()
    print(sum(handler.handle(number) for number in range(3000)), "bytes of JSON")


main()
