"""Bodies that attract each other, in floats: nbody.py [STEPS]"""
import sys


def bodies(n):
    """A ring of n bodies around a heavy one: [position, speed, mass] each."""
    all_bodies = [[[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], 40.0]]
    for i in range(n):
        x, y = (i + 2) * 1.7, (i % 2) * 0.3
        all_bodies.append([[x, y, 0.1 * i], [0.0, (40.0 / x) ** 0.5, 0.01], 0.01 * (i + 1)])
    return all_bodies


def advance(pairs, all_bodies, dt):
    for (p, v, m), (q, w, n) in pairs:
        dx, dy, dz = p[0] - q[0], p[1] - q[1], p[2] - q[2]
        force = dt / ((dx * dx + dy * dy + dz * dz) ** 1.5)
        a, b = n * force, m * force
        v[0] -= dx * a
        v[1] -= dy * a
        v[2] -= dz * a
        w[0] += dx * b
        w[1] += dy * b
        w[2] += dz * b
    for p, v, _ in all_bodies:
        p[0] += dt * v[0]
        p[1] += dt * v[1]
        p[2] += dt * v[2]


def energy(pairs, all_bodies):
    e = sum(0.5 * m * (v[0] ** 2 + v[1] ** 2 + v[2] ** 2) for _, v, m in all_bodies)
    for (p, _, m), (q, _, n) in pairs:
        e -= m * n / sum((a - b) ** 2 for a, b in zip(p, q)) ** 0.5
    return e


def main(steps):
    all_bodies = bodies(4)
    pairs = [(a, b) for i, a in enumerate(all_bodies) for b in all_bodies[i + 1 :]]
    before = energy(pairs, all_bodies)
    for _ in range(steps):
        advance(pairs, all_bodies, 0.001)
    print(f"energy {before:.6f} {energy(pairs, all_bodies):.6f}")


main(int(sys.argv[1]) if len(sys.argv) > 1 else 100000)
