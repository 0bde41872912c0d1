# A list that grows until it is stopped.
# Try: set a hard limit while it runs, or before, and see MemoryError.
import time

leak = []
while True:
    leak.append([str(len(leak) + i) for i in range(200)])
    if len(leak) % 500 == 0:
        print(f"{len(leak)} lists")
    time.sleep(0.001)
