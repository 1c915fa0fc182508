// Stored records go on: to other Logbooms by each protocol, to files, and by TCP.
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { Api, type RecordView, stored, unique } from '../fixtures/api.ts';
import { Doors } from '../fixtures/doors.ts';
import { Lines } from '../fixtures/lines.ts';
import { freePort, until } from '../fixtures/process.ts';
import { Program, runLoadgen } from '../fixtures/program.ts';
import { protocols as receiving, Receiver } from '../fixtures/receiver.ts';
import { inStore, sink, type SinkView } from '../fixtures/sinks.ts';
import { expect, test } from '../fixtures/test.ts';

async function inState(program: { url: string }, name: string, state: string): Promise<SinkView> {
  await until(`${name} is ${state}`, async () => (await sink(program, name)).state === state);
  return sink(program, name);
}

/** What a receiver must have, whatever protocol it came by. */
const essence = ({ time, level, message, trace_id, span_id, attributes }: RecordView) => ({
  time,
  level,
  message,
  trace_id,
  span_id,
  order: attributes.order,
  paid: attributes.paid,
});

const records = (service: string, count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => ({
    service,
    node: 'till-1',
    time: `2026-11-20T08:00:00.${String(n + from).padStart(9, '0')}Z`,
    level: n % 2 ? 'warn' : 'error',
    message: `order ${n + from} is not paid: 카드`,
    trace_id: '5b8efff798038103d269b633813fc60c',
    span_id: 'eee19b7ec3c1b174',
    order: n + from,
    paid: n % 3 === 0,
  }));

/** The URL of a sink of each protocol into a Logboom. */
const protocols: [string, (receiver: Doors) => string][] = [
  ['logboom', ({ program }) => `logboom+http://${program.grpcAddress}`],
  ['http', ({ url }) => `${url}/api/v1/push`],
  ['elasticsearch', ({ url }) => `elasticsearch+${url}/logs-{yyyy}.{MM}.{dd}`],
  ['loki', ({ url }) => `loki+${url}`],
  ['otlp', ({ url }) => `otlp+${url}`],
];

test('records go on by every protocol, in order, each once, also while the receiver is killed', async ({ engines }) => {
  const receiver = await Doors.start({});
  const services = Object.fromEntries(protocols.map(([name]) => [name, unique(name)]));
  // The receiver may be a server that the sink has known before, so each test has its own names of sinks.
  const sinks = protocols.map(([name, url]) => ['--sink', `${services[name]}=${url(receiver)}?query=service:${services[name]}`]);
  const program = await Program.start(engines, ...sinks.flat());
  try {
    const api = new Api(program.url);
    for (const [name] of protocols) await api.push(...records(services[name]!, 40));
    for (const [name] of protocols) await stored(receiver.api, services[name]!, 40);
    await receiver.program.kill();
    for (const [name] of protocols) await api.push(...records(services[name]!, 40, 40));
    await until('the outage is seen', async () => {
      const answer = await fetch(`${program.url}/api/v1/sinks`);
      return ((await answer.json()) as SinkView[]).every(({ state }) => state === 'failing');
    });
    await receiver.program.start();
    for (const [name] of protocols) {
      const sent = await stored(api, services[name]!, 80);
      const arrived = await stored(receiver.api, services[name]!, 80);
      // Loki's protocol has texts only.
      const text = ({ order, paid, ...others }: ReturnType<typeof essence>) => ({ ...others, order: `${order}`, paid: `${paid}` });
      const as = (record: RecordView) => (name === 'loki' ? text(essence(record)) : essence(record));
      expect(arrived.map(as), name).toEqual(sent.map(as));
      // The answer is on its way when the record is there.
      const { state, error } = await inState(program, services[name]!, 'following');
      expect({ state, error }, name).toEqual({ state: 'following', error: null });
    }
  } finally {
    await program.remove();
    await receiver.remove();
  }
});

test('the server is killed under load, and another Logboom still has each record once', async ({ engines }) => {
  const receiver = await Program.start({});
  const name = unique('exact');
  const program = await Program.start(engines, '--sink', `${name}=logboom+http://${receiver.grpcAddress}?query=run:${name}`);
  try {
    const manifest = program.file('sent.json');
    const ended = runLoadgen(
      'run', '--url', program.url, '--door', 'stream', '--run-id', name, '--out', manifest,
      '--rate', '2000', '--batch', '50', '--duration', '8', '--settle', '90',
    );
    await until('some arrived', async () => (await sink(program, name)).records > 1000);
    await program.kill();
    await program.start();
    await ended;
    await until('all are delivered', async () => {
      const { state, behind_records } = await sink(program, name);
      return state === 'following' && behind_records === 0;
    });
    const count = async (url: string) => {
      const answer = await fetch(`${url}/api/v1/count?query=run:${name}&from=1970-01-01T00:00:00Z`);
      return ((await answer.json()) as { count: number }).count;
    };
    // Acknowledged records are stored a little later.
    await expect.poll(() => count(receiver.url)).toBe(await count(program.url));
    expect(await count(receiver.url)).toBeGreaterThan(10_000);
  } finally {
    await program.remove();
    await receiver.remove();
  }
});

test('two servers that send to each other do not multiply their records', async ({ engines }) => {
  const service = unique('loop');
  const other = await Program.start({});
  const program = await Program.start(engines, '--sink', `${service}=${other.url}/api/v1/push?query=service:${service}`);
  try {
    await other.stop();
    other.add('--sink', `back=logboom+http://${program.grpcAddress}`);
    await other.start();
    await new Api(program.url).push(...records(service, 20));
    await until('they went there and back', async () => (await sink(other, 'back')).records >= 20);
    await new Api(other.url).push(...records(service, 20, 20));
    await until('these, too', async () => (await sink(program, service)).records >= 40);
    await until('nothing is under way', async () => (await sink(other, 'back')).behind_records === 0);
    for (const { url } of [program, other]) {
      expect((await stored(new Api(url), service, 40)).map(({ attributes }) => attributes.order).sort()).toHaveLength(40);
    }
  } finally {
    await other.remove();
    await program.remove();
  }
});

test('a sink can be paused and resumed on the page System, and its lag is shown', async ({ engines, page }) => {
  const name = unique('paused');
  const receiver = await Program.start({});
  const program = await Program.start(engines, '--sink', `${name}=${receiver.url}/api/v1/push?query=service:${name}`);
  try {
    await inState(program, name, 'following');
    await page.goto(`${program.url}/system`);
    const row = page.getByTestId('sink').filter({ hasText: name });
    await expect(row).toHaveAttribute('data-state', 'following');
    await row.getByRole('button', { name: 'Pause' }).click();
    await inState(program, name, 'paused');
    await new Api(program.url).store(...records(name, 7));
    // The page shows the state of its moment.
    await expect(async () => {
      await page.reload();
      await expect(row).toHaveAttribute('data-state', 'paused');
      // The record of the audit about the pause may be behind it, too.
      await expect(row).toContainText(/[78] ·/, { timeout: 5000 });
    }).toPass();
    expect(await new Api(receiver.url).logs(`service:${name}`)).toHaveLength(0);
    // A pause outlives the program.
    await program.stop();
    await program.start();
    await inState(program, name, 'paused');
    await page.reload();
    await row.getByRole('button', { name: 'Resume' }).click();
    await stored(new Api(receiver.url), name, 7);
    const unknown = await fetch(`${program.url}/api/v1/sinks/none/pause`, { method: 'POST' });
    expect(unknown.status).toBe(404);
  } finally {
    await program.remove();
    await receiver.remove();
  }
});

test('a sink to the own address, two of one name, and a wrong URL are refused at the start', async () => {
  const self = (url: (port: number) => string) => (program: Program) => ['--sink', `self=${url(program.port)}`];
  for (const [options, reason] of [
    [self((port) => `http://127.0.0.1:${port}/api/v1/push`), 'which is this server'],
    [self((port) => `logboom+http://localhost:${port}`), 'which is this server'],
    [() => ['--sink', 'a=tcp://127.0.0.1:1', '--sink', 'a=tcp://127.0.0.1:2'], 'two sinks are called a'],
    [() => ['--sink', 'a=gopher://127.0.0.1'], 'elasticsearch+http'],
    [() => ['--sink', 'a=tcp://127.0.0.1:1?query=(level:error'], 'query'],
  ] as [(program: Program) => string[], string][]) {
    const program = await Program.unstarted({});
    program.add(...options(program));
    const failed = await program.start().then(() => '', () => readFileSync(program.logFile, 'utf8'));
    await program.remove();
    expect(failed).toContain(reason);
  }
});

test('lines go on by TCP, in order, and none is lost while the receiver is away', async ({ engines }) => {
  const name = unique('lines');
  const receiver = new Lines(await freePort());
  const program = await Program.start(engines, '--sink', `${name}=tcp://127.0.0.1:${receiver.port}?query=service:${name}`);
  try {
    const api = new Api(program.url);
    await api.store(...records(name, 10));
    await inState(program, name, 'failing');
    await receiver.start();
    await until('all lines arrived', async () => receiver.lines.length >= 10);
    const orders = receiver.lines.map((line) => JSON.parse(line));
    expect(orders.map(({ order }) => order)).toEqual(Array.from({ length: 10 }, (_, n) => n));
    expect(orders[0]).toMatchObject({ message: 'order 0 is not paid: 카드', service: name, level: 'error', paid: true });
  } finally {
    await receiver.stop();
    await program.remove();
  }
});

test('S2: writes each log to an append-only file and to Elasticsearch at once (packets by TCP, over a kill, and while Elasticsearch is away)', async ({ engines }) => {
  const name = unique('s2');
  const receiver = new Receiver(await freePort(), receiving.elasticsearch, () => false);
  await receiver.start();
  const port = await freePort();
  const program = await Program.unstarted(engines, '--tcp-listen', `127.0.0.1:${port}`);
  const file = program.file(`${name}.log`);
  program.add('--sink', `${name}-file=file://${program.file('{service}.log')}?format=s2&query=service:${name}`);
  program.add('--sink', `${name}-es=elasticsearch+http://127.0.0.1:${receiver.port}/logs-{yyyy}?query=service:${name}`);
  await program.start();
  try {
    const socket = connect(port, '127.0.0.1');
    const from = await new Promise<number>((resolve) => socket.once('connect', () => resolve(socket.localPort!)));
    const packet = (n: number) =>
      JSON.stringify({ uri: '/logs', method: 'POST', key: 0, params: JSON.stringify({ service: name, message: `goods ${n}` }) });
    for (const n of [1, 2, 3]) socket.write(`${packet(n)}¶`);
    const lines = () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []);
    await until('all are in the file', async () => lines().length === 3);
    socket.end();
    // Several nodes of one queue may store packets in another order. The sinks keep the order of the store.
    const order = (await inStore(new Api(program.url), name)).map(({ message }) => message);
    expect([...order].sort()).toEqual(['goods 1', 'goods 2', 'goods 3']);
    expect(lines().map((line) => line.split('\t').slice(1))).toEqual(
      order.map((message) => ['127.0.0.1', String(from), packet(Number(message.split(' ')[1]))]),
    );
    for (const line of lines()) expect(line).toMatch(/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d/);
    const indexed = () => receiver.stored.map(({ message }) => message);
    await until('all are in Elasticsearch', async () => indexed().length === 3);
    const written = lines();
    // Append-only, also across kills; and the file does not wait for Elasticsearch.
    await program.kill();
    await receiver.stop();
    await program.start();
    await new Api(program.url).push({ service: name, message: 'by HTTP' });
    await until('it is appended', async () => lines().length === 4);
    expect(lines().slice(0, 3)).toEqual(written);
    await receiver.start();
    await until('it is in Elasticsearch', async () => new Set(indexed()).size === 4);
    expect([...new Set(indexed())]).toEqual([...order, 'by HTTP']);
    expect(new Set(receiver.stored.map(({ id }) => id)).size, 'each has one id').toBe(4);
  } finally {
    await program.remove();
    await receiver.stop();
  }
});
