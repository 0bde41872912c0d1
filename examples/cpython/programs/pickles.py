"""Objects pickled and unpickled: pickles.py [ROUNDS]"""
import pickle
import sys


class Point:
    def __init__(self, x, y, label):
        self.x, self.y, self.label = x, y, label


class Shape:
    def __init__(self, n):
        self.points = [Point(i, i * n, f"p{i % 50}") for i in range(n)]
        self.bounds = (0, 0, n, n * n)
        self.extra = {"n": n, "names": {p.label for p in self.points}}


def main(rounds):
    shapes = [Shape(n % 40 + 1) for n in range(100)]
    size = 0
    for r in range(rounds):
        data = pickle.dumps(shapes, protocol=2 + r % 4)
        shapes = pickle.loads(data)
        size += len(data)
    print("bytes", size, "points", sum(len(s.points) for s in shapes))


main(int(sys.argv[1]) if len(sys.argv) > 1 else 240)
