import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import winston from 'winston';
import { LogboomTransport } from '../src';
import { run } from './support/child';
import { assertEachOnce, numbersOf } from './support/counting';
import { linesIn, linesOf } from './support/lines';
import { Server } from './support/server';

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server?.remove());

const NOBODY = '127.0.0.1:1';

test('a process that logs and has nothing else to do ends by itself, and nothing is lost', async () => {
  const transport = { address: server.address, service: 'ends', batchDelayMs: 60_000 };
  const { code, stdout, stderr } = await run('logs-and-ends', { transport, count: 1234, then: 'nothing' });
  assert.deepEqual([code, stderr], [0, '']);
  assert.equal(JSON.parse(stdout).acknowledged, 1234);
  assertEachOnce(numbersOf(await server.records('service:ends')), 1234);
});

test('a logger that is ended finishes when everything is acknowledged', async () => {
  const transport = { address: server.address, service: 'finishes' };
  const { code, stdout } = await run('logs-and-ends', { transport, count: 100, then: 'end' });
  assert.equal(code, 0);
  assert.match(stdout, /^finished\n/);
  assertEachOnce(numbersOf(await server.records('service:finishes')), 100);
});

test('a process whose server is away ends by itself, and the fallback has everything', async () => {
  const file = server.file('away.ndjson');
  const transport = { address: NOBODY, service: 'away', fallback: { file }, flushTimeoutMs: 300 };
  for (const then of ['nothing', 'end', 'flush']) {
    const { code } = await run('logs-and-ends', { transport: { ...transport, node: then }, count: 1000, then });
    assert.equal(code, 0);
    assertEachOnce(numbersOf(linesOf(file).filter(({ node }) => node === then)), 1000);
  }
});

test('a process whose server accepts and says nothing ends by itself, and the console has everything', async () => {
  const silent = createServer((socket) => socket.on('error', () => {}).resume());
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  try {
    const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const transport = { address, service: 'silent', flushTimeoutMs: 300 };
    const { code, stderr } = await run('logs-and-ends', { transport, count: 10, then: 'nothing' });
    assert.equal(code, 0);
    assertEachOnce(numbersOf(linesIn(stderr)), 10);
  } finally {
    silent.close();
  }
});

test('process.exit() waits for nothing, and the fallback has what is not acknowledged', async () => {
  const file = server.file('exit.ndjson');
  const transport = { address: server.address, service: 'exits', fallback: { file } };
  const { code } = await run('logs-and-ends', { transport, count: 100, then: 'exit' });
  assert.equal(code, 3);
  assertEachOnce([...numbersOf(await server.records('service:exits')), ...numbersOf(linesOf(file))], 100);
});

test('an uncaught exception arrives before it ends the process', async () => {
  const transport = { address: server.address, service: 'uncaught', handleExceptions: true };
  const { code } = await run('throws', { transport });
  assert.equal(code, 1);
  const [record, ...more] = await server.records('service:uncaught');
  assert.ok(record && more.length === 0);
  assert.match(record.message, /^uncaughtException: out of luck\n/);
  assert.equal(record.attributes['exception.type'], 'RangeError');
});

test('what is logged after closing goes to the fallback', async () => {
  const file = server.file('closed.ndjson');
  const transport = new LogboomTransport({ address: server.address, service: 'closed', fallback: { file } });
  transport.log({ level: 'info', message: 'before', n: 0 }, () => {});
  await Promise.all([transport.close(), transport.close()]);
  transport.log({ level: 'info', message: 'after', n: 1 }, () => {});
  assert.deepEqual(numbersOf(linesOf(file)), [1]);
  assert.deepEqual(numbersOf(await server.records('service:closed')), [0]);
  await transport.flush();
});

test('a transport that is removed from its logger sends what it has', async () => {
  const transport = new LogboomTransport({ address: server.address, service: 'removed' });
  const logger = winston.createLogger({ transports: [transport] });
  logger.info('line', { n: 0 });
  logger.remove(transport);
  await transport.close();
  assert.deepEqual(numbersOf(await server.records('service:removed')), [0]);
});

test('many transports make no warning, and none stays behind', async () => {
  const listeners = (): number[] => ['exit', 'beforeExit'].map((event) => process.listenerCount(event));
  const [exit = 0, beforeExit = 0] = listeners();
  const transports = Array.from({ length: 20 }, () => new LogboomTransport({ address: NOBODY, service: 'many' }));
  assert.deepEqual(listeners(), [exit + 1, beforeExit + 1]);
  for (const transport of transports) await transport.close();
  assert.deepEqual(listeners(), [exit, beforeExit]);
});
