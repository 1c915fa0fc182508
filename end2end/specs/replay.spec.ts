// The records of a day are sent to a sink once more: in order, under the same ids, also across a kill of the server.
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Api, unique } from '../fixtures/api.ts';
import { freePort, until } from '../fixtures/process.ts';
import { type Engines, Program } from '../fixtures/program.ts';
import { protocols, Receiver } from '../fixtures/receiver.ts';
import { inStore, sink } from '../fixtures/sinks.ts';
import { expect, test } from '../fixtures/test.ts';

type Replay = { id: string; state: string; sent: number; refused: number; total: number | null; error: string | null };

const DAY = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
const EARLIER = new Date(Date.now() - 2 * 86_400_000).toISOString().slice(0, 10);

const records = (service: string, from: number, to: number, day = DAY) =>
  Array.from({ length: to - from }, (_, n) => ({
    service,
    // Not in the order of the store.
    time: `${day}T${String((from + n * 7) % 24).padStart(2, '0')}:00:00Z`,
    level: (from + n) % 2 ? 'warn' : 'info',
    message: `${day} order ${from + n}`,
  }));

/** A server whose sink has sent everything to a receiver like Elasticsearch, which then lost it. */
class Bench {
  private constructor(
    readonly name: string,
    readonly receiver: Receiver,
    readonly program: Program,
    readonly api: Api,
  ) {}

  static async start(engines: Engines, count: number, ...options: string[]): Promise<Bench> {
    const name = unique('replay');
    const receiver = new Receiver(await freePort(), protocols.elasticsearch, () => false);
    await receiver.start();
    const url = `elasticsearch+http://127.0.0.1:${receiver.port}/logs-{yyyy}?query=service:${name}`;
    const program = await Program.start(engines, '--sink', `${name}=${url}`, ...options);
    const bench = new Bench(name, receiver, program, new Api(program.url));
    await bench.api.push(...records(name, 0, 10, EARLIER));
    for (let from = 0; from < count; from += 1000) {
      await bench.api.push(...records(name, from, Math.min(from + 1000, count)));
    }
    await until('the sink has sent all', async () => (await sink(program, name)).records >= count + 10);
    return bench;
  }

  /** The destination loses what it had. Returns that. */
  lose(): { id?: string; message: string }[] {
    return this.receiver.stored.splice(0);
  }

  /** The records of the day, in the order of the store. */
  async ofTheDay(): Promise<{ id: string; message: string }[]> {
    const all = await inStore(this.api, this.name);
    return all.filter(({ message }) => message.startsWith(DAY)).map(({ id, message }) => ({ id, message }));
  }

  async ask(body: object): Promise<{ status: number; body: any }> {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${this.program.url}/api/v1/replays`, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: answer.status, body: await answer.json() };
  }

  async begin(more: object = {}): Promise<string> {
    const { status, body } = await this.ask({ day: DAY, to: this.name, ...more });
    expect(status, JSON.stringify(body)).toBe(202);
    return body.id;
  }

  async replay(id: string): Promise<Replay> {
    return (await (await fetch(`${this.program.url}/api/v1/replays/${id}`)).json()) as Replay;
  }

  async ends(id: string): Promise<Replay> {
    await until('the replay has ended', async () => (await this.replay(id)).state !== 'running', 240);
    return this.replay(id);
  }

  async cancel(id: string): Promise<Response> {
    return fetch(`${this.program.url}/api/v1/replays/${id}`, { method: 'DELETE' });
  }

  async remove(): Promise<void> {
    await this.program.remove();
    await this.receiver.stop();
  }
}

/** The first arrival of each id. */
function once(arrivals: { id?: string; message: string }[]): { id?: string; message: string }[] {
  const seen = new Set<string | undefined>();
  return arrivals.filter(({ id }) => !seen.has(id) && seen.add(id));
}

test('S3: a day can be re-sent after the downstream lost it (in the order of the store, under the same ids, and --query filters)', async ({ engines }) => {
  const bench = await Bench.start(engines, 2500);
  try {
    const day = await bench.ofTheDay();
    expect(day).toHaveLength(2500);
    const lost = new Map(bench.lose().map(({ id, message }) => [message, id]));
    const output = await bench.program.run('logboom', 'replay', '--day', DAY, '--to', bench.name);
    expect(bench.receiver.stored).toEqual(day);
    for (const { id, message } of bench.receiver.stored) expect(id).toBe(lost.get(message));
    expect(await bench.replay(output.trim())).toMatchObject({ state: 'done', sent: 2500, total: 2500, refused: 0, error: null });
    // The cursor of the sink has not moved.
    expect(await sink(bench.program, bench.name)).toMatchObject({ state: 'following', records: 2510 });

    bench.lose();
    const query = ['--query', 'level>=warn'];
    await bench.program.run('logboom', 'replay', '--day', DAY, '--to', bench.name, ...query);
    const isWarning = ({ message }: { message: string }) => Number(message.split(' ').at(-1)) % 2 === 1;
    expect(bench.receiver.stored).toEqual(day.filter(isWarning));

    bench.lose();
    const range = { day: undefined, from: `${EARLIER}T00:00:00Z`, to_time: `${DAY}T00:00:00Z` };
    expect(await bench.ends(await bench.begin(range))).toMatchObject({ state: 'done', sent: 10 });

    const metrics = async () => (await fetch(`${bench.program.url}/metrics`)).text();
    await expect.poll(metrics).toContain(`logboom_replay_records_total{sink="${bench.name}"} 3760`);
    await expect.poll(metrics).toMatch(/^logboom_replays_running 0$/m);
  } finally {
    await bench.remove();
  }
});

test('a replay goes on after a kill of the server, and new records are delivered meanwhile', async ({ engines }) => {
  test.slow();
  const bench = await Bench.start(engines, 45_000);
  try {
    const day = await bench.ofTheDay();
    bench.lose();
    bench.receiver.faults.push(...Array(500).fill('is slow'));
    const id = await bench.begin();
    await until('some arrived', async () => bench.receiver.stored.length > 0);
    const { service, ...others } = records(bench.name, 0, 1)[0]!;
    await bench.api.push({ service, ...others, message: 'new' });
    await until('a new record arrives', async () => bench.receiver.stored.some(({ message }) => message === 'new'));
    expect((await bench.replay(id)).state).toBe('running');
    await until('a batch is acknowledged', async () => (await bench.replay(id)).sent > 0);
    await bench.program.kill();
    const before = once(bench.receiver.stored).length;
    expect(before).toBeLessThan(day.length);
    await bench.program.start();
    bench.receiver.faults.splice(0);
    expect(await bench.ends(id)).toMatchObject({ state: 'done', sent: day.length });
    const arrived = once(bench.receiver.stored).filter(({ message }) => message !== 'new');
    expect(arrived).toHaveLength(day.length);
    expect(arrived).toEqual(day);
  } finally {
    await bench.remove();
  }
});

test('a sink of files gets files of its own, so the live file is left as it is', async ({ engines }) => {
  const name = unique('files');
  const program = await Program.unstarted(engines);
  const live = program.file(`out/${name}.log`);
  program.add('--sink', `${name}=file://${program.file('out/{service}.log')}?query=service:${name}`);
  await program.start();
  try {
    await new Api(program.url).push(...records(name, 0, 300));
    await until('the live file is written', async () => (await sink(program, name)).records === 300);
    const before = readFileSync(live, 'utf8');
    const id = (await program.run('logboom', 'replay', '--day', DAY, '--to', name)).trim();
    expect(readFileSync(live, 'utf8')).toBe(before);
    expect(readFileSync(`${live}.replay-${id}`, 'utf8')).toBe(before);
    expect(readdirSync(program.file('out')).filter((file) => file.includes('replay'))).toHaveLength(1);
  } finally {
    await program.remove();
  }
});

test('a replay that cannot be started is refused with the field, and at most four are unfinished', async ({ engines }) => {
  const bench = await Bench.start(engines, 10);
  const ids: string[] = [];
  try {
    const { name } = bench;
    const future = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10);
    for (const [body, reason] of [
      [{ day: DAY, to: 'nowhere' }, `to is "nowhere", which is not a sink; replays go to ${name}`],
      [{ day: DAY, to: 'store' }, '`--to store` needs an archive'],
      [{ day: '19.11.2026', to: name }, 'day is "19.11.2026", which is not a day in UTC; write it as 2026-11-19'],
      [{ day: '2026-02-30', to: name }, 'which is not a day in UTC'],
      [{ day: future, to: name }, 'which has not begun in UTC'],
      [{ to: name }, 'give a day'],
      [{ day: DAY, from: '-1d', to: name }, 'give one of both'],
      [{ from: '-1d', to_time: '-2d', to: name }, 'from is not before to_time'],
      [{ day: DAY, to: name, query: '(level' }, 'an example is level>=warn'],
      [{ day: DAY, to: name, limit: 5 }, 'unknown field `limit`'],
    ] as [object, string][]) {
      const { status, body: problem } = await bench.ask(body);
      expect(status, reason).toBe(400);
      expect(problem.detail).toContain(reason);
    }
    for (const words of [[], ['--all'], ['17']]) {
      const failed = await bench.program.run('logboom', 'replay', ...words).catch((error) => error.stderr);
      expect(failed).toContain('logboom dead-letters replay');
    }
    expect((await bench.cancel('nothing')).status).toBe(404);
    await bench.receiver.stop();
    for (let n = 0; n < 4; n += 1) ids.push(await bench.begin());
    const { status, body } = await bench.ask({ day: DAY, to: name });
    expect(status).toBe(429);
    expect(body.detail).toContain('4 replays are unfinished');
    await until('the error is shown', async () => (await bench.replay(ids[0]!)).error !== null);
    for (const id of ids) expect((await bench.cancel(id)).status).toBe(200);
    expect((await bench.cancel(ids[0]!)).status).toBe(409);
    await bench.receiver.start();
    expect(await bench.ends(await bench.begin())).toMatchObject({ state: 'done', sent: 10 });
  } finally {
    for (const id of ids) await bench.cancel(id);
    await bench.remove();
  }
});

test('the commands of docs/forwarding.md send a day, list replays and cancel one', async ({ engines }) => {
  const guide = readFileSync(resolve(import.meta.dirname, '../../docs/forwarding.md'), 'utf8');
  const section = guide.slice(guide.indexOf('## Send a day again'));
  const commands = /```sh\n(.*?)```/s.exec(section)![1]!.split('\n').filter(Boolean);
  expect(commands.map((command) => command.split(' ').slice(0, 2).join(' '))).toEqual(Array(4).fill('logboom replay'));
  const bench = await Bench.start(engines, 10);
  const run = (command: string, id = '') =>
    bench.program.run('bash', '-c', command.replace('2026-11-19', DAY).replace('--to es', `--to ${bench.name}`).replace('3f2a9c01', id));
  try {
    bench.lose();
    await run(commands[0]!);
    expect(bench.receiver.stored).toEqual(await bench.ofTheDay());
    await bench.receiver.stop();
    const id = (await run(commands[1]!)).trim();
    expect(await run(commands[2]!)).toMatch(new RegExp(`^${id}\trunning\t${DAY}\t`, 'm'));
    expect(await run(commands[3]!, id)).toContain(`${id}: cancelled`);
    expect(await bench.replay(id)).toMatchObject({ state: 'cancelled', sent: 0 });
    await bench.receiver.start();
  } finally {
    await bench.remove();
  }
});
