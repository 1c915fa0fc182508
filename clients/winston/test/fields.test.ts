import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import winston from 'winston';
import { LogboomTransport } from '../src';
import { Server, type StoredRecord } from './support/server';

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server?.remove());

/** Logs with a logger and returns the stored record. */
async function stored(service: string, log: (logger: winston.Logger) => void, format?: winston.Logform.Format): Promise<StoredRecord[]> {
  const transport = new LogboomTransport({ address: server.address, service, node: 'web-1' });
  const logger = winston.createLogger({ level: 'silly', transports: [transport], ...(format && { format }) });
  log(logger);
  await transport.flush();
  assert.equal(transport.counters.fellBack, 0);
  await transport.close();
  return server.records(`service:${service}`);
}

test('every field arrives where it belongs', async () => {
  const before = Date.now();
  const [record, ...more] = await stored('fields', (logger) =>
    logger.warn('payment declined', {
      user_id: 42,
      amount: 9.5,
      retry: false,
      big: 2n ** 53n,
      http: { status: 402, path: '/pay' },
      tags: ['a', 'b'],
      at: new Date(0),
      nothing: null,
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
    }),
  );
  const after = Date.now();
  assert.ok(record && more.length === 0);
  const { level, severity, service, node, message, trace_id, span_id, attributes } = record;
  assert.deepEqual([level, severity, service, node, message], ['warn', 13, 'fields', 'web-1', 'payment declined']);
  assert.deepEqual([trace_id, span_id], ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']);
  assert.deepEqual(attributes, {
    user_id: 42,
    amount: 9.5,
    retry: false,
    big: 2 ** 53,
    'http.status': 402,
    'http.path': '/pay',
    tags: '["a","b"]',
    at: '1970-01-01T00:00:00.000Z',
  });
  const time = Date.parse(record.time);
  assert.ok(before <= time && time <= after, record.time);
});

test('all of npm\'s levels arrive as they are', async () => {
  const levels = ['error', 'warn', 'info', 'http', 'verbose', 'debug', 'silly'];
  const records = await stored('levels', (logger) => {
    for (const level of levels) logger.log(level, 'm');
  });
  assert.deepEqual(records.map(({ level }) => level), levels);
  assert.deepEqual(records.map(({ severity }) => severity), [17, 13, 9, 9, 6, 5, 1]);
});

test("colours are removed, and winston's own timestamp is local time", async () => {
  const { combine, timestamp, colorize } = winston.format;
  const format = combine(timestamp({ format: 'YYYY-MM-DD HH:mm:ss:SSS' }), colorize({ all: true }));
  const before = Date.now();
  const [record] = await stored('colours', (logger) => logger.error('stopped'), format);
  const after = Date.now();
  assert.deepEqual([record?.level, record?.message, record?.attributes], ['error', 'stopped', {}]);
  const time = Date.parse(record?.time ?? '');
  assert.ok(before <= time && time <= after, record?.time);
});

test('an ISO timestamp keeps its digits', async () => {
  const [record] = await stored('iso', (logger) => logger.info('m', { timestamp: '2026-01-02T03:04:05.123456789Z' }));
  assert.equal(record?.time, '2026-01-02T03:04:05.123456789Z');
});

test('errors arrive as exceptions, with and without a format for them', async () => {
  const error = new TypeError('boom');
  for (const [service, format] of [
    ['errors-plain', undefined],
    ['errors-format', winston.format.errors({ stack: true })],
  ] as const) {
    const records = await stored(
      service,
      (logger) => {
        logger.error(new TypeError('boom'));
        logger.error('failed', error);
        logger.error('failed', { error });
        logger.log({ level: 'error', message: error as unknown as string });
      },
      format,
    );
    assert.deepEqual(records.map(({ message }) => message), ['boom', 'failed boom', 'failed', 'boom']);
    for (const { attributes } of records) {
      assert.equal(attributes['exception.type'], 'TypeError');
      assert.match(String(attributes['exception.stacktrace']), /^TypeError: boom\n    at /);
    }
  }
});

test('cyclic and odd values arrive, and the batch with them', async () => {
  const cycle: Record<string, unknown> = { n: 1 };
  cycle.self = cycle;
  const records = await stored('odd', (logger) => {
    logger.info('half a pair: \ud83d', { ['\udeb5 key']: '\ud83d value' });
    logger.info('cycle', { cycle });
    logger.info('zero\u0000byte', { infinite: Infinity, nan: NaN });
    logger.info('');
    logger.info(undefined as unknown as string);
    logger.info({ an: 'object' } as unknown as string);
    logger.info('wide', Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`k${n}`, n])));
    logger.info('m'.repeat(3 << 20), { value: 'v'.repeat(1 << 20), ['k'.repeat(1000)]: 'long key' });
    logger.info('heavy', Object.fromEntries(Array.from({ length: 256 }, (_, n) => [`k${n}`, 'v'.repeat(64 << 10)])));
  });
  const [half, cyclic, zero, empty, missing, object, wide, long, heavy] = records;
  assert.equal(records.length, 9);
  assert.deepEqual([half?.message, half?.attributes], ['half a pair: \ufffd', { '\ufffd key': '\ufffd value' }]);
  assert.deepEqual(cyclic?.attributes, { 'cycle.n': 1, 'cycle.self': '[circular]' });
  assert.deepEqual([zero?.message, zero?.attributes], ['zero\ufffdbyte', { infinite: 'inf', nan: 'NaN' }]);
  assert.deepEqual([empty?.message, missing?.message], ['(empty)', '(empty)']);
  assert.deepEqual(object?.attributes.an ?? JSON.parse(object?.message ?? '').an, 'object');
  assert.equal(Object.keys(wide?.attributes ?? {}).length, 256);
  assert.equal(wide?.attributes['logboom.omitted'], 'attributes past the first 255');
  assert.match(long?.message ?? '', /^m{1000000,}… \[cut, 3145728 bytes\]$/);
  assert.match(String(long?.attributes.value), /^v+… \[cut, 1048576 bytes\]$/);
  assert.equal(Object.keys(heavy?.attributes ?? {}).length, 256);
});
