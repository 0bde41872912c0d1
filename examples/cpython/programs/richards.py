"""An operating system's kernel in small, in the manner of Martin Richards' benchmark: tasks that
pass packets to each other: richards.py [ROUNDS]"""
import sys

IDLE, WORKER, HANDLER_A, HANDLER_B, DEVICE_A, DEVICE_B = range(6)
TO_DEVICE, WORK = range(2)


class Packet:
    def __init__(self, kind, task):
        self.kind, self.task = kind, task
        self.data = [0] * 4
        self.datum = 0


class Task:
    def __init__(self, kernel, name, priority):
        self.kernel, self.name, self.priority = kernel, name, priority
        self.queue = []
        self.held = self.waiting = False
        kernel.add(self)

    def runnable(self):
        return not self.held and (not self.waiting or bool(self.queue))

    def take(self):
        packet = self.queue.pop(0) if self.queue else None
        self.waiting = False
        return packet


class Idle(Task):
    def __init__(self, kernel, count):
        super().__init__(kernel, IDLE, 0)
        self.control, self.count = 1, count

    def run(self, packet):
        self.count -= 1
        if self.count == 0:
            self.held = True
        elif self.control & 1:
            self.control = (self.control >> 1) ^ 0xD008
            self.kernel.release(DEVICE_B)
        else:
            self.control >>= 1
            self.kernel.release(DEVICE_A)


class Worker(Task):
    def __init__(self, kernel):
        super().__init__(kernel, WORKER, 1000)
        self.target, self.letter = HANDLER_A, 0
        self.queue += [Packet(WORK, WORKER), Packet(WORK, WORKER)]

    def run(self, packet):
        if packet is None:
            self.waiting = True
            return
        self.target = HANDLER_A + HANDLER_B - self.target
        packet.datum = 0
        for i in range(4):
            self.letter = self.letter % 26 + 1
            packet.data[i] = 64 + self.letter
        self.kernel.send(packet, self.target)


class Handler(Task):
    def __init__(self, kernel, name, priority, device):
        super().__init__(kernel, name, priority)
        self.device, self.work, self.free = device, [], []
        self.queue += [Packet(TO_DEVICE, device) for _ in range(3)]

    def run(self, packet):
        if packet is not None:
            (self.work if packet.kind == WORK else self.free).append(packet)
        if self.work:
            first = self.work[0]
            if first.datum >= 4:
                self.kernel.send(self.work.pop(0), WORKER)
                return
            if self.free:
                out = self.free.pop(0)
                out.datum = first.data[first.datum]
                first.datum += 1
                self.kernel.send(out, self.device)
                return
        self.waiting = True


class Device(Task):
    def __init__(self, kernel, name, priority):
        super().__init__(kernel, name, priority)
        self.pending = None
        self.waiting = True

    def run(self, packet):
        if packet is not None:
            self.pending = packet
            self.held = True
        elif self.pending is None:
            self.waiting = True
        else:
            out, self.pending = self.pending, None
            self.kernel.send(out, out.task)


class Kernel:
    def __init__(self):
        self.tasks, self.by_priority = {}, []
        self.sent = self.switches = 0

    def add(self, task):
        self.tasks[task.name] = task
        self.by_priority = sorted(self.tasks.values(), key=lambda t: -t.priority)

    def send(self, packet, name):
        self.sent += 1
        packet.task = self.current.name
        self.tasks[name].queue.append(packet)

    def release(self, name):
        self.tasks[name].held = False

    def run(self):
        while True:
            for task in self.by_priority:
                if task.runnable():
                    self.current = task
                    self.switches += 1
                    task.run(task.take())
                    break
            else:
                return


def main(rounds):
    sent = switches = 0
    for _ in range(rounds):
        kernel = Kernel()
        Idle(kernel, 3000)
        Worker(kernel)
        Handler(kernel, HANDLER_A, 2000, DEVICE_A)
        Handler(kernel, HANDLER_B, 3000, DEVICE_B)
        Device(kernel, DEVICE_A, 4000)
        Device(kernel, DEVICE_B, 5000)
        kernel.run()
        sent += kernel.sent
        switches += kernel.switches
    print("packets", sent, "switches", switches)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
