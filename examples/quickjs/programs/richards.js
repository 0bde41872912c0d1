// A small operating system's scheduler: tasks that send packets to each other through queues, work
// on them and wait, in the manner of Martin Richards' benchmark.  ES5: Duktape runs it too.
//   richards.js [PACKETS]
'use strict';
var wanted = Number(scriptArgs[1] || 20000);

function Packet(kind, from, payload) {
  this.kind = kind;
  this.from = from;
  this.payload = payload;
  this.next = null;
}

function Queue() { this.first = this.last = null; this.length = 0; }
Queue.prototype.put = function (packet) {
  packet.next = null;
  if (this.last) this.last.next = packet; else this.first = packet;
  this.last = packet;
  this.length++;
};
Queue.prototype.take = function () {
  var packet = this.first;
  if (!packet) return null;
  this.first = packet.next;
  if (!this.first) this.last = null;
  this.length--;
  return packet;
};

function Task(name, priority, run) {
  this.name = name;
  this.priority = priority;
  this.inbox = new Queue();
  this.run = run;
  this.runs = 0;
  this.held = {};
}

function Scheduler() { this.tasks = {}; this.order = []; this.sent = 0; this.log = []; }
Scheduler.prototype.add = function (task) {
  this.tasks[task.name] = task;
  this.order.push(task);
  this.order.sort(function (a, b) { return b.priority - a.priority; });
};
Scheduler.prototype.send = function (to, packet) {
  this.sent++;
  this.tasks[to].inbox.put(packet);
};
Scheduler.prototype.step = function () {
  for (var i = 0; i < this.order.length; i++) {
    var task = this.order[i], packet = task.inbox.take();
    if (!packet) continue;
    task.runs++;
    task.run(packet, this);
    return true;
  }
  return false;
};

var system = new Scheduler(), checksum = 0, made = 0;
function device(name, priority, other) {
  return new Task(name, priority, function (packet, s) {
    var request = packet.payload;
    var data = request.data.map(function (x) { return x * 3 % 251; });
    var block = { owner: request.owner, data: data };
    this.held[request.number % 64] = block;      // the last 64 stay
    s.send(other, new Packet('done', this.name, { number: request.number, block: block }));
  });
}
system.add(device('disk', 310, 'handlerA'));
system.add(device('net', 300, 'handlerB'));
function handler(name, priority) {
  return new Task(name, priority, function (packet, s) {
    if (packet.kind === 'work') {
      var p = packet.payload, data = [];
      for (var i = 0; i < 8; i++) data.push((p.number * 31 + i * 7) % 256);
      s.send(p.number % 2 ? 'disk' : 'net',
        new Packet('request', this.name, { number: p.number, owner: name, data: data }));
      return;
    }
    packet.payload.block.data.forEach(function (x) { checksum = (checksum * 17 + x) % 65521; });
    if (s.log.length < 300) s.log.push(name + ':' + packet.payload.number);
    else s.log = s.log.slice(150);
  });
}
system.add(handler('handlerA', 200));
system.add(handler('handlerB', 100));
system.add(new Task('worker', 50, function (packet, s) {
  for (var i = 0; i < 3 && made < wanted; i++) {
    made++;
    s.send(made % 3 ? 'handlerA' : 'handlerB', new Packet('work', 'worker', { number: made }));
  }
  if (made < wanted) s.send('worker', new Packet('tick', 'worker', { at: made }));
}));
system.send('worker', new Packet('tick', 'boot', null));
while (system.step());
print('packets', system.sent, 'checksum', checksum, 'runs',
  system.order.map(function (t) { return t.name + '=' + t.runs; }).join(' '),
  'log', system.log.length);
