# Objects: trees of instances whose nodes know their parents, so that only the collector frees them.
# Watch: live blocks climb, then fall when it runs.
import gc


class Node:
    def __init__(self, parent, depth):
        self.parent = parent
        self.children = [Node(self, depth - 1) for _ in range(2)] if depth else []


def count(node):
    return 1 + sum(count(child) for child in node.children)


keep = Node(None, 12)
for step in range(1, 101):
    nodes = count(Node(None, 5 + step % 8))
    if step % 10 == 0:
        print(f"step {step}: {nodes} nodes, {gc.collect()} objects collected")
print("kept", count(keep))
