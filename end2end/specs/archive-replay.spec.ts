// A day of the archive comes back: into the store without doubling what is there, and to a sink, also across kills.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Api, daysAgo, unique } from '../fixtures/api.ts';
import { until } from '../fixtures/process.ts';
import { type Engines, Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

type Stored = { id: string; position: bigint; time: string; message: string };
type Replay = { id: string; state: string; source: string; sent: number; skipped: number; fraction: number; error: string | null };

const DAY = daysAgo(2);

/** A server whose archive has a day with records of the services NAME-a and NAME-b. */
class Bench {
  private constructor(
    readonly name: string,
    readonly program: Program,
    readonly api: Api,
  ) {}

  static async start(engines: Engines, count: number, ...options: string[]): Promise<Bench> {
    const name = unique('again');
    const program = await Program.unstarted(engines);
    const archive = ['--archive', `file://${program.file('archive')}`, '--archive-every', '1s', '--archive-grace', '0s'];
    const sink = `${name}=file://${program.file('out/day.ndjson')}?query=service:${name}-a`;
    program.add(...archive, '--sink', sink, ...options);
    await program.start();
    const bench = new Bench(name, program, new Api(program.url));
    for (let from = 0; from < count; from += 5000) {
      const numbers = Array.from({ length: Math.min(5000, count - from) }, (_, n) => from + n);
      await bench.api.push(...numbers.map((n) => bench.record(n)));
    }
    await until('all are stored', async () => (await bench.count()) === count, 240);
    await until('the day is archived', async () => bench.archived() === (await bench.count('')), 240);
    return bench;
  }

  /** Not in the order of times, and some times twice. */
  private record(n: number): object {
    const time = new Date(Date.parse(`${DAY}T00:00:00Z`) + ((n * 7919) % 80_000) * 1000).toISOString();
    return { service: `${this.name}-${n % 2 ? 'b' : 'a'}`, time, level: n % 4 ? 'info' : 'warn', message: `order ${n}` };
  }

  /** The number of archived records of the day, of all services. */
  private archived(): number {
    const manifest = join(this.program.file('archive'), DAY, 'manifest.json');
    return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).records : 0;
  }

  /** The number of stored records of the day. */
  async count(query = `service:${this.name}-*`): Promise<number> {
    const range = { from: `${DAY}T00:00:00Z`, to: `${DAY}T23:59:59Z` };
    return ((await (await this.api.get('/api/v1/count', { query, ...range })).json()) as { count: number }).count;
  }

  /** The stored records in the order of the store. */
  async stored(): Promise<Stored[]> {
    const range = { from: `${DAY}T00:00:00Z`, to: `${DAY}T23:59:59Z` };
    const answer = await this.api.get('/api/v1/export', { query: `service:${this.name}-*`, ...range });
    const lines = (await answer.text()).split('\n').filter(Boolean);
    const records = lines.map((line) => JSON.parse(line)).map((record) => ({ ...record, position: BigInt(record.position) }));
    return records.sort((a, b) => (a.position < b.position ? -1 : 1));
  }

  /** The store loses the records of these services. PostgreSQL deletes them within a minute. */
  async lose(...services: string[]): Promise<void> {
    await this.program.stop();
    this.program.environment.LOGBOOM_RETENTION_SERVICE = services.map((service) => `${service}=60s`).join(',');
    await this.program.start();
    for (const service of services) {
      await until('the records are deleted', async () => (await this.count(`service:${service}`)) === 0, 240);
    }
    await this.program.stop();
    delete this.program.environment.LOGBOOM_RETENTION_SERVICE;
    await this.program.start();
  }

  async ask(body: object): Promise<{ status: number; body: any }> {
    const headers = { 'content-type': 'application/json' };
    const options = { method: 'POST', headers, body: JSON.stringify({ day: DAY, ...body }) };
    const answer = await fetch(`${this.program.url}/api/v1/replays`, options);
    return { status: answer.status, body: await answer.json() };
  }

  async begin(body: object): Promise<string> {
    const { status, body: answer } = await this.ask(body);
    expect(status, JSON.stringify(answer)).toBe(202);
    return answer.id;
  }

  async replay(id: string): Promise<Replay> {
    return (await (await fetch(`${this.program.url}/api/v1/replays/${id}`)).json()) as Replay;
  }

  async ends(id: string): Promise<Replay> {
    await until('the replay has ended', async () => (await this.replay(id)).state !== 'running', 300);
    return this.replay(id);
  }
}

const withoutPosition = (records: Stored[]) =>
  records.map(({ position: _, ...record }) => record).sort((a, b) => (a.id < b.id ? -1 : 1));

test('the store gets back what it lost, once, and a second replay adds nothing', async ({ engines }) => {
  test.slow();
  const bench = await Bench.start(engines, 4000);
  const { name, program } = bench;
  try {
    const before = await bench.stored();
    expect(before).toHaveLength(4000);
    await bench.lose(`${name}-b`);
    const rest = await bench.stored();
    expect(rest).toHaveLength(2000);

    const filter = ['--query', `service:${name}-*`];
    const id = (await program.run('logboom', 'replay', '--day', DAY, '--to', 'store', ...filter)).trim();
    expect(await bench.replay(id)).toMatchObject({ state: 'done', source: 'archive', sent: 2000, skipped: 2000, fraction: 1, error: null });
    const after = await bench.stored();
    expect(withoutPosition(after)).toEqual(withoutPosition(before));
    // The records that were there are as they were, and the others have greater positions.
    expect(after.slice(0, 2000)).toEqual(rest);

    const again = await bench.begin({ to: 'store', query: `service:${name}-*` });
    expect(await bench.ends(again)).toMatchObject({ state: 'done', sent: 0, skipped: 4000 });
    expect(await bench.count()).toBe(4000);

    await bench.lose(`${name}-a`, `${name}-b`);
    const warnings = await bench.begin({ to: 'store', query: `service:${name}-* level>=warn` });
    expect(await bench.ends(warnings)).toMatchObject({ state: 'done', sent: 1000, skipped: 0 });
    expect(await bench.ends(await bench.begin({ to: 'store' }))).toMatchObject({ state: 'done', error: null });
    expect(withoutPosition(await bench.stored())).toEqual(withoutPosition(before));

    // What came back is not archived twice.
    const manifest = () => JSON.parse(readFileSync(join(program.file('archive'), DAY, 'manifest.json'), 'utf8'));
    const { version } = manifest();
    await bench.api.store({ service: `${name}-late`, time: `${DAY}T12:00:00Z`, message: 'late' });
    await until('the late record is archived', async () => manifest().version > version && manifest().records === (await bench.count('')));
    expect(manifest().records).toBe(await bench.count(''));
    expect(await program.run('logboom', 'archive', 'check', `file://${program.file('archive')}`)).not.toContain('wrong');
  } finally {
    await program.remove();
  }
});

test('a replay to the store goes on after kills of the server and doubles nothing', async ({ engines }) => {
  test.slow();
  const bench = await Bench.start(engines, 45_000);
  const { name, program } = bench;
  try {
    const before = await bench.stored();
    await bench.lose(`${name}-a`, `${name}-b`);
    const id = await bench.begin({ to: 'store', query: `service:${name}-*` });
    for (let kill = 0; kill < 2; kill += 1) {
      let now = await bench.replay(id);
      const { sent } = now;
      await until('it moves', async () => {
        now = await bench.replay(id);
        return now.sent > sent;
      }, 120, 5);
      // The answer that shows the move: by the next one it may be done.
      expect(now.state).toBe('running');
      await program.kill();
      await program.start();
    }
    expect(await bench.ends(id)).toMatchObject({ state: 'done', sent: 45_000, skipped: 0, error: null });
    const after = await bench.stored();
    expect(after).toHaveLength(45_000);
    expect(withoutPosition(after)).toEqual(withoutPosition(before));
  } finally {
    await program.remove();
  }
});

test('a sink gets a day that the store lost from the archive, in the order of times', async ({ engines }) => {
  test.slow();
  const bench = await Bench.start(engines, 3000);
  const { name, program } = bench;
  try {
    const byTime = (a: Stored, b: Stored) => (a.time === b.time ? Number(a.position - b.position) : a.time < b.time ? -1 : 1);
    const isOfSink = ({ message }: Stored) => Number(message.split(' ')[1]) % 2 === 0;
    const ofSink = (await bench.stored()).filter(isOfSink).sort(byTime);
    const messages = (file: string) => readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line).message);

    const whole = await bench.ends(await bench.begin({ to: name }));
    expect(whole).toMatchObject({ state: 'done', source: 'store', sent: 1500 });
    await bench.lose(`${name}-a`, `${name}-b`);
    const id = (await program.run('logboom', 'replay', '--day', DAY, '--to', name)).trim();
    expect(await bench.replay(id)).toMatchObject({ state: 'done', source: 'archive', sent: 1500, error: null });
    const written = messages(`${program.file('out/day.ndjson')}.replay-${id}`);
    expect(written).toEqual(ofSink.map(({ message }) => message));
    // The store has nothing to send.
    const empty = await bench.ends(await bench.begin({ to: name, source: 'store' }));
    expect(empty).toMatchObject({ state: 'done', source: 'store', sent: 0 });
    const part = { day: undefined, from: `${DAY}T06:00:00Z`, to_time: `${DAY}T08:00:00Z`, source: 'archive', to: name };
    const hours = ofSink.filter(({ time }) => time >= `${DAY}T06` && time < `${DAY}T08`);
    expect(await bench.ends(await bench.begin(part))).toMatchObject({ state: 'done', sent: hours.length });
  } finally {
    await program.remove();
  }
});

test('the commands of docs/archive.md bring a day back', async ({ engines }) => {
  test.slow();
  const guide = readFileSync(resolve(import.meta.dirname, '../../docs/archive.md'), 'utf8');
  const section = guide.slice(guide.indexOf('## Bring a day back'));
  const commands = /```sh\n(.*?)```/s.exec(section)![1]!.split('\n').filter(Boolean);
  const bench = await Bench.start(engines, 400);
  const { name, program } = bench;
  const run = (command: string) =>
    program.run('bash', '-c', command.replace('2026-11-21', DAY).replace('service:orders', `service:${name}-a`).replace('--to es', `--to ${name}`));
  try {
    expect(commands).toHaveLength(4);
    await bench.lose(`${name}-a`, `${name}-b`);
    await run(commands[1]!);
    await until('the warnings are back', async () => (await bench.count()) === 100);
    await run(commands[0]!);
    expect(await bench.count()).toBe(400);
    const id = (await run(commands[2]!)).trim();
    expect(await run(commands[3]!)).toMatch(new RegExp(`^${id}\tdone\t${DAY}\tarchive to ${name}\t`, 'm'));
  } finally {
    await program.remove();
  }
});

test('what the archive or the store cannot do is refused with the way out', async ({ engines }) => {
  const bench = await Bench.start(engines, 10, '--retention', '4d');
  try {
    for (const [body, reason] of [
      [{ day: daysAgo(6), to: 'store' }, '--retention 4d deletes what is older than'],
      [{ day: daysAgo(0), to: 'store' }, `the archive does not have the day ${daysAgo(0)}`],
      [{ day: undefined, from: '-3d', to_time: 'now', to: 'store' }, 'a replay for each day'],
      [{ to: 'store', source: 'store' }, 'leave source out'],
      [{ to: bench.name, source: 'backup' }, 'write store or archive'],
      [{ to: 'nowhere' }, `replays go to ${bench.name}, store`],
    ] as [object, string][]) {
      const { status, body: problem } = await bench.ask(body);
      expect(status, reason).toBe(400);
      expect(problem.detail).toContain(reason);
    }
  } finally {
    await bench.program.remove();
  }
});
