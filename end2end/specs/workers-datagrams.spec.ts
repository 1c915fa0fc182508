// Several workers on one UDP port. A GELF message in chunks is put together by one of them.
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { Api, metric, stored, unique } from '../fixtures/api.ts';
import { children, freePort, isRunning, until } from '../fixtures/process.ts';
import { type Engines, Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

const WORKERS = 3;
/** Each has a port of its own, so that they reach all workers. */
const SENDERS = 20;
/** The sizes of a message and of a chunk's data. */
const MESSAGE_BYTES = 6_000;
const CHUNK_BYTES = 1_400;

let program: Program;
let api: Api;
let gelfPort: number;
let senders: Socket[];

test.beforeAll(async ({ engines }) => {
  gelfPort = await freePort();
  program = await Program.start(engines, '--workers', String(WORKERS), '--gelf-listen', `127.0.0.1:${gelfPort}`);
  api = new Api(program.url);
  senders = Array.from({ length: SENDERS }, () => createSocket('udp4'));
  for (const sender of senders) {
    sender.bind(0, '127.0.0.1');
    await once(sender, 'listening');
  }
  await allReady();
});

test.afterAll(async () => {
  for (const sender of senders ?? []) sender.close();
  await program?.remove();
});

test.afterEach(async ({}, testInfo) => {
  if (testInfo.status !== testInfo.expectedStatus) await testInfo.attach('server log', { path: program.logFile });
});

const workers = () => children(program.pid);

async function allReady(): Promise<void> {
  // A worker that ends may answer no more.
  const ready = () => metric(program.url, 'logboom_workers_ready').catch(() => 0);
  await until('all workers are ready', async () => (await ready()) === WORKERS);
}

/** Sends messages in chunks, as Graylog's clients do: magic bytes, an id, the number of the chunk and the count. */
async function send(service: string, count: number): Promise<string[]> {
  const messages = Array.from({ length: count }, (_, n) => `order ${n} `.padEnd(MESSAGE_BYTES, 'x'));
  for (const [n, message] of messages.entries()) {
    const gelf = { version: '1.1', host: 'here', _service: service, short_message: message };
    const bytes = Buffer.from(JSON.stringify(gelf));
    const id = randomBytes(8);
    const total = Math.ceil(bytes.length / CHUNK_BYTES);
    for (let place = 0; place < total; place++) {
      const data = bytes.subarray(place * CHUNK_BYTES, (place + 1) * CHUNK_BYTES);
      const chunk = Buffer.concat([Buffer.from([0x1e, 0x0f]), id, Buffer.from([place, total]), data]);
      await new Promise<void>((resolve, reject) => {
        senders[n % SENDERS]!.send(chunk, gelfPort, '127.0.0.1', (error) => (error ? reject(error) : resolve()));
      });
    }
  }
  return messages;
}

/** Each message is stored once. */
async function expectStored(service: string, messages: string[]): Promise<void> {
  const records = await stored(api, service, messages.length);
  expect(records.map(({ message }) => message).sort()).toEqual([...messages].sort());
}

test('chunks of many senders are put together (all stored once)', async () => {
  const service = unique('chunks');
  await expectStored(service, await send(service, 60));
});

test('datagrams wait for the replacement of a worker that was killed (all stored once)', async () => {
  const [killed] = workers();
  process.kill(killed!, 'SIGKILL');
  await until('it has ended', async () => !isRunning(killed!), 60, 1);
  // A connection that it had is reset, and the next call may be on it.
  await until('calls are answered', async () => api.get('/readyz').then(({ ok }) => ok, () => false));
  const service = unique('killed');
  await expectStored(service, await send(service, 24));
  await allReady();
});

test('the replacements of a roll put chunks together (all stored once)', async () => {
  const before = workers();
  process.kill(program.pid, 'SIGHUP');
  await until('all are replaced', async () => {
    const now = workers();
    return now.length === WORKERS && !now.some((pid) => before.includes(pid));
  });
  const service = unique('rolled');
  await expectStored(service, await send(service, 60));
});

test('a second program on the port is refused', async ({ engines }) => {
  const start = async (...options: string[]) => {
    const listen = ['--listen', `127.0.0.1:${await freePort()}`, '--grpc-listen', `127.0.0.1:${await freePort()}`];
    const { queue, store } = engines as Required<Engines>;
    // Ends a program that is not refused.
    const started = program.run('timeout', '60', 'logboom', ...listen, '--queue', queue, '--store', store, ...options);
    return started.then(() => '', (error) => String(error.stderr));
  };
  const taken = `127.0.0.1:${gelfPort}`;
  expect(await start('--workers', '2', '--gelf-listen', taken)).toContain(`cannot listen on ${taken}`);

  // One whose port is free for TCP, and not for datagrams.
  const port = await freePort();
  const other = createSocket('udp4');
  other.bind(port, '127.0.0.1');
  await once(other, 'listening');
  const refusal = await start('--workers', '2', '--gelf-listen', `127.0.0.1:${port}`);
  other.close();
  expect(refusal).toContain(`is something else on UDP port ${port}? choose another address`);
});
