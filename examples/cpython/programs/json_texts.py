"""Records written as JSON and read back: json_texts.py [ROUNDS]"""
import json
import sys


def record(i):
    return {
        "id": i,
        "name": f"customer {i}",
        "tags": [f"tag{(i * k) % 17}" for k in range(1, 6)],
        "address": {"street": f"{i % 97} Long Road", "city": ["Oslo", "Lima", "Pune"][i % 3]},
        "orders": [{"sku": f"A-{i}-{k}", "price": k * 1.25, "paid": k % 2 == 0} for k in range(4)],
    }


def main(rounds):
    total = 0
    for r in range(rounds):
        records = [record(i + r) for i in range(500)]
        text = json.dumps(records)
        again = json.loads(text)
        assert again == records
        total += len(text) + len(json.dumps(again, indent=1, sort_keys=True))
    print("characters", total)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
