"""Binary trees, made and dropped: binary_trees.py [DEPTH]"""
import sys


class Node:
    __slots__ = ("left", "right")

    def __init__(self, left, right):
        self.left = left
        self.right = right


def make(depth):
    if depth == 0:
        return Node(None, None)
    return Node(make(depth - 1), make(depth - 1))


def count(node):
    if node.left is None:
        return 1
    return 1 + count(node.left) + count(node.right)


def main(depth):
    long_lived = make(depth)
    for d in range(4, depth + 1, 4):
        trees = 1 << (depth - d + 4)
        print(trees, "trees of depth", d, "nodes", sum(count(make(d)) for _ in range(trees)))
    print("long lived tree of depth", depth, "nodes", count(long_lived))


main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
