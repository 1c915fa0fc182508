import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import winston from 'winston';
import { LogboomTransport } from '../src';
import { assertEachOnce, numbersOf } from './support/counting';
import { linesOf } from './support/lines';
import { Proxy } from './support/proxy';
import { Server } from './support/server';
import { until } from './support/until';

const COUNT = 20_000;

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server?.remove());

test('20,000 records arrive, each once, and their times keep their order', async () => {
  const transport = new LogboomTransport({ address: server.address, service: 'many', maxBufferedRecords: COUNT });
  const logger = winston.createLogger({ transports: [transport] });
  for (let n = 0; n < COUNT; n += 1) logger.info(`line ${n}`, { n });
  await transport.flush();
  assert.deepEqual(transport.counters, {
    received: COUNT,
    acknowledged: COUNT,
    fellBack: 0,
    overflowed: 0,
    refused: 0,
    buffered: 0,
  });
  const records = await server.records('service:many');
  assertEachOnce(numbersOf(records), COUNT);
  const inOrder = [...records].sort((one, other) => Number(one.attributes.n) - Number(other.attributes.n));
  const times = inOrder.map(({ time }) => time);
  assert.deepEqual(times, [...times].sort());
  await transport.close();
});

test('records of one batch are stored in the order of their logging', async () => {
  const transport = new LogboomTransport({ address: server.address, service: 'order', batchRecords: 1000 });
  const logger = winston.createLogger({ transports: [transport] });
  for (let n = 0; n < 1000; n += 1) logger.info(`line ${n}`, { n });
  await transport.close();
  const numbers = numbersOf(await server.records('service:order'));
  assert.deepEqual(numbers, Array.from({ length: 1000 }, (_, n) => n));
});

for (const ending of ['kill', 'stop'] as const) {
  test(`a server that goes by ${ending} and comes back while records come has each of them once`, async () => {
    const transport = new LogboomTransport({ address: server.address, service: ending, maxBufferedRecords: COUNT });
    const logger = winston.createLogger({ transports: [transport] });
    const restart = async (): Promise<void> => {
      await server[ending]();
      await sleep(300);
      await server.start();
    };
    let restarts = Promise.resolve();
    for (let n = 0; n < COUNT; n += 1) {
      logger.info(`line ${n}`, { n });
      if (n % 200 === 0) await sleep(10);
      if (n === 5000 || n === 12_000) restarts = restarts.then(restart);
    }
    await restarts;
    await transport.flush();
    assert.equal(transport.counters.acknowledged, COUNT);
    assertEachOnce(numbersOf(await server.records(`service:${ending}`)), COUNT);
    await transport.close();
  });
}

test('a batch whose acknowledgement was lost is sent again and stored once', async () => {
  const proxy = await Proxy.before(server.address);
  const transport = new LogboomTransport({ address: proxy.address, service: 'lost', batchRecords: 100 });
  const logger = winston.createLogger({ transports: [transport] });
  try {
    logger.info('line 0', { n: 0 });
    await transport.flush();
    proxy.loseAnswers();
    for (let n = 1; n < 1000; n += 1) logger.info(`line ${n}`, { n });
    await until('the server has stored some', async () => (await server.records('service:lost')).length > 500);
    assert.equal(transport.counters.acknowledged, 1);
    proxy.cut();
    await transport.flush();
    assert.equal(transport.counters.acknowledged, 1000);
    assertEachOnce(numbersOf(await server.records('service:lost')), 1000);
  } finally {
    await transport.close();
    proxy.close();
  }
});

test('what finds no room while the server is away is in the file, and the rest in the server', async () => {
  await server.kill();
  const file = server.file('overflow.ndjson');
  const transport = new LogboomTransport({
    address: server.address,
    service: 'away',
    fallback: { file },
    batchRecords: 10,
    maxBufferedRecords: 50,
  });
  const overflows: number[] = [];
  transport.on('overflow', ({ overflowed }) => overflows.push(overflowed));
  const logger = winston.createLogger({ transports: [transport] });
  for (let n = 0; n < 1000; n += 1) logger.info(`line ${n}`, { n });
  await until('all have been taken', () => transport.counters.received === 1000);
  assert.deepEqual(overflows, [1]);
  // At once, because the server is still down.
  assert.deepEqual(numbersOf(linesOf(file)), Array.from({ length: 950 }, (_, n) => n + 50));
  await server.start();
  await transport.flush();
  for (let n = 1000; n < 1040; n += 1) logger.info(`line ${n}`, { n });
  await transport.close();
  assert.deepEqual(transport.counters, {
    received: 1040,
    acknowledged: 90,
    fellBack: 950,
    overflowed: 950,
    refused: 0,
    buffered: 0,
  });
  const stored = numbersOf(await server.records('service:away'));
  assert.equal(stored.length, 90);
  assertEachOnce([...stored, ...numbersOf(linesOf(file))], 1040);
});

test('the buffer is bounded in bytes as well', async () => {
  const file = server.file('bytes.ndjson');
  const transport = new LogboomTransport({
    address: '127.0.0.1:1',
    service: 'bytes',
    fallback: { file },
    maxBufferedBytes: 10_000,
    flushTimeoutMs: 0,
  });
  for (let n = 0; n < 100; n += 1) transport.log({ level: 'info', message: 'm'.repeat(1000), n }, () => {});
  assert.equal(transport.counters.buffered, 9);
  await transport.close();
  assertEachOnce(numbersOf(linesOf(file)), 100);
});

test('a fallback file can be handed in later', async () => {
  const file = server.file('later.ndjson');
  const transport = new LogboomTransport({ address: '127.0.0.1:1', service: 'later', fallback: { file }, flushTimeoutMs: 0 });
  const fields = { n: 7, big: 2n ** 62n, traceId: '0af7651916cd43dd8448eb211c80319c', http: { status: 500 } };
  transport.log({ level: 'warn', message: 'late', timestamp: '2026-01-02T03:04:05.123456789Z', ...fields }, () => {});
  await transport.close();
  await server.push(file);
  const [record] = await server.records('service:later');
  assert.deepEqual([record?.level, record?.message, record?.time], ['warn', 'late', '2026-01-02T03:04:05.123456789Z']);
  assert.equal(record?.trace_id, '0af7651916cd43dd8448eb211c80319c');
  assert.deepEqual(record?.attributes, { n: 7, big: 2 ** 62, 'http.status': 500 });
});

test('the server is told apart as connected and disconnected', async () => {
  const transport = new LogboomTransport({ address: server.address, service: 'events' });
  const events: string[] = [];
  transport.on('connected', () => events.push('connected'));
  transport.on('disconnected', ({ reason, retryInMs }) => {
    assert.ok(reason !== '' && retryInMs >= 100 && retryInMs <= 5000);
    if (events.at(-1) !== 'disconnected') events.push('disconnected');
  });
  const say = (message: string): void => transport.log({ level: 'info', message }, () => {});
  say('one');
  await transport.flush();
  await server.stop();
  say('two');
  await until('it is noticed', () => events.at(-1) === 'disconnected');
  await server.start();
  await transport.flush();
  assert.deepEqual(events, ['connected', 'disconnected', 'connected']);
  await transport.close();
});
