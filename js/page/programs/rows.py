# JSON: rows become text, and rows again.
# Watch: many size classes, and single long strings above 512 bytes.
import json
import pymalloc


def rows(n):
    return [{"id": i, "name": f"row {i}", "tags": [str(k) for k in range(i % 7)], "on": i % 3 == 0}
            for i in range(n)]


kept = []
for step in range(1, 31):
    text = json.dumps(rows(1000 * (1 + step % 5)))
    again = json.loads(text)
    if step % 10 == 0:
        kept.append(again)
        live = pymalloc.stats()["domains"]["object"]["live_bytes"]
        print(f"step {step}: {len(text)} characters, {live} bytes of objects live")
pymalloc.check()
print("kept", sum(len(part) for part in kept), "rows")
