// Two nodes of two workers each, on one queue and one store. Each of their parts is taken away in turn under load.
import { setTimeout as sleep } from 'node:timers/promises';
import { Api, unique } from '../fixtures/api.ts';
import { children, freePort, isRunning, until } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { Proxy } from '../fixtures/proxy.ts';
import { protocols, Receiver } from '../fixtures/receiver.ts';
import { inStore } from '../fixtures/sinks.ts';
import { expect, test } from '../fixtures/test.ts';

/** A client that knows all nodes. It sends a batch to one after the other under one id until one acknowledges it. */
class Client {
  readonly acknowledged: string[] = [];
  /** The batches that each node has acknowledged. */
  readonly by: number[];
  private isStopped = false;
  private readonly running: Promise<void>;

  constructor(private readonly nodes: Program[], private readonly service: string) {
    this.by = nodes.map(() => 0);
    this.running = this.run();
  }

  private async run(): Promise<void> {
    for (let batch = 0; !this.isStopped; batch += 1) {
      const messages = Array.from({ length: 10 }, (_, n) => `order ${String(batch * 10 + n).padStart(6, '0')}`);
      const body = messages.map((message) => JSON.stringify({ service: this.service, message })).join('\n');
      for (let attempt = batch; ; attempt += 1) {
        const node = attempt % this.nodes.length;
        if (!(await this.send(this.nodes[node]!, `${this.service}-${batch}`, body))) continue;
        this.by[node]! += 1;
        this.acknowledged.push(...messages);
        break;
      }
      // The load leaves room on a small machine.
      await sleep(20);
    }
  }

  private async send(node: Program, id: string, body: string): Promise<boolean> {
    const headers = { 'content-type': 'application/json', 'idempotency-key': id, connection: 'close' };
    // A node without its broker may leave a call open.
    const signal = AbortSignal.timeout(5_000);
    const answer = await fetch(`${node.url}/api/v1/push`, { method: 'POST', headers, body, signal }).catch(() => undefined);
    await answer?.text().catch(() => '');
    return answer?.status === 200;
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.running;
  }
}

test('S4: no single point of failure (a worker, each node, and its links to broker and database fail in turn under load: 0 lost, 0 doubled)', async ({ engines }) => {
  test.setTimeout(900_000);
  const name = unique('nodes');
  const [broker, database] = [await Proxy.before(engines.queue!), await Proxy.before(engines.store!)];
  const receiver = new Receiver(await freePort(), protocols.elasticsearch, () => false);
  await receiver.start();
  const options = ['--workers', '2', '--sink', `${name}=elasticsearch+http://127.0.0.1:${receiver.port}/logs?query=service:${name}`];
  const first = await Program.start({ queue: broker.url, store: database.url }, ...options);
  const second = await Program.start(engines, ...options);
  const client = new Client([first, second], name);
  /** Which of these messages the store has, by the API of a node. */
  const found = async (node: Program, messages: string[]) => {
    const query = `service:${name} message:("${messages.join('" OR "')}")`;
    // A connection to a worker that was killed is reset, and the call may be on it.
    const there = new Set((await new Api(node.url).logs(query).catch(() => [])).map(({ message }) => message));
    return messages.filter((message) => there.has(message));
  };
  /** New records are acknowledged by a node, can be found there, and leave by the sink. */
  const goesOn = async (node: Program, after: string) => {
    const index = node === first ? 0 : 1;
    const before = client.by[index]!;
    await until(`${after}: the node acknowledges more`, async () => client.by[index]! > before + 5);
    const newest = client.acknowledged.slice(-20);
    await until(`${after}: they are stored`, async () => (await found(node, newest)).length === newest.length);
    await until(`${after}: they are sent on`, async () => {
      const sent = new Set(receiver.stored.map(({ message }) => message));
      return newest.every((message) => sent.has(message));
    });
  };
  /** Kills the supervising process and its workers, like a power loss. */
  const lose = async (node: Program) => {
    await until('both workers run', async () => children(node.pid).length === 2);
    const workers = children(node.pid);
    for (const pid of [node.pid, ...workers]) process.kill(pid, 'SIGKILL');
    await node.kill();
  };
  try {
    await goesOn(first, 'the start');
    await goesOn(second, 'the start');

    const [worker, other] = children(first.pid);
    process.kill(worker!, 'SIGKILL');
    await goesOn(first, 'the end of a worker');
    await until('it is replaced', async () => children(first.pid).length === 2);
    expect(children(first.pid)).toContain(other);

    for (const [lost, left] of [[first, second], [second, first]] as const) {
      await lose(lost);
      await goesOn(left, 'the end of the other node');
      await lost.start();
      await goesOn(lost, 'a new start');
    }

    // The supervising process alone: its workers drain and end.
    const workers = children(second.pid);
    await second.kill();
    await goesOn(first, 'the end of the other supervising process');
    await until('the workers have ended', async () => !workers.some(isRunning));
    await second.start();

    await broker.cut();
    await goesOn(second, 'the other node has lost the broker');
    await broker.restore();
    await goesOn(first, 'the broker is back');

    await database.cut();
    const from = client.acknowledged.length;
    await until('records are acknowledged without a database', async () => client.acknowledged.length > from + 500);
    // The node returns what it has taken from the broker, and the other node stores it.
    const later = client.acknowledged.slice(from, from + 50);
    await until('the other node stores all of them', async () => (await found(second, later)).length === later.length);
    await database.restore();
    await goesOn(first, 'the database is back');

    await client.stop();
    const sent = [...client.acknowledged].sort();
    await until('all are stored', async () => (await inStore(new Api(second.url), name)).length >= sent.length);
    for (const node of [first, second]) {
      expect((await inStore(new Api(node.url), name)).map(({ message }) => message).sort()).toEqual(sent);
    }
    const left = () => [...new Set(receiver.stored.map(({ message }) => message))].sort();
    await until('the sink has sent all', async () => left().length >= sent.length);
    expect(left()).toEqual(sent);
    expect(new Set(receiver.stored.map(({ id }) => id)).size, 'each has one id').toBe(sent.length);
  } finally {
    await client.stop();
    await first.remove();
    await second.remove();
    await receiver.stop();
    await broker.cut();
    await database.cut();
  }
});
