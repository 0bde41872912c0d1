"""Graphs of objects with cycles, searched, changed and collected: graphs.py [ROUNDS]"""
import sys


class Vertex:
    def __init__(self, name):
        self.name = name
        self.edges = {}
        self.marks = set()


class Edge:
    def __init__(self, source, target, weight):
        self.source, self.target, self.weight = source, target, weight


def make(n, seed):
    vertices = [Vertex(f"v{i}") for i in range(n)]
    state = seed
    for v in vertices:
        for _ in range(6):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            w = vertices[(state >> 8) % n]
            v.edges[w.name] = Edge(v, w, state % 100)
    return vertices


def reach(start):
    start.marks.add("seen")
    queue, seen = [start], 1
    for v in queue:
        for e in v.edges.values():
            if "seen" not in e.target.marks:
                e.target.marks.add("seen")
                queue.append(e.target)
                seen += 1
    return seen


def main(rounds):
    total = 0
    for r in range(rounds):
        vertices = make(2000, r + 1)
        total += reach(vertices[0])
        for v in vertices[::3]:
            v.edges = {name: e for name, e in v.edges.items() if e.weight > 50}
        total += sum(len(v.edges) for v in vertices)
    print("reached and left", total)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
