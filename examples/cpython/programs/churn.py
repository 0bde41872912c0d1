"""Lists and dicts that grow, shrink and go: churn.py [ROUNDS]"""
import sys
from collections import OrderedDict, deque


def main(rounds):
    table, order, window = {}, OrderedDict(), deque(maxlen=200)
    total = 0
    for i in range(rounds):
        k = i * 7919 % 5003
        row = [k, i, (k, i), str(i)]
        row.extend(range(i % 23))
        table.setdefault(k % 701, []).append(row)
        order[k] = {"row": row, "n": i}
        window.append({j: (j, k) for j in range(i % 13)})
        if len(order) > 1000:
            total += len(order.popitem(last=False)[1]["row"])
        if i % 50 == 49:
            gone = table.pop(sorted(table)[i % len(table)])
            total += sum(len(r) for r in gone)
            del gone[::2]
            table[i % 701] = [r[:] for r in gone]
        if i % 5000 == 4999:
            table = {key: rows[-3:] for key, rows in table.items()}
    print("total", total, len(table), len(order), sum(map(len, window)))


main(int(sys.argv[1]) if len(sys.argv) > 1 else 200000)
