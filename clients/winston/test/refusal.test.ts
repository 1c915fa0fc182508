import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogboomTransport, type Refusal } from '../src';
import { assertEachOnce, numbersOf } from './support/counting';
import { linesOf } from './support/lines';
import { Server } from './support/server';

test('an overloaded server is come back to, and has each record once', async () => {
  const server = await Server.start('--max-in-flight', '150');
  try {
    const transport = new LogboomTransport({ address: server.address, service: 'overload', batchRecords: 100 });
    for (let n = 0; n < 500; n += 1) transport.log({ level: 'info', message: 'm', n }, () => {});
    await transport.flush();
    assert.equal(transport.counters.acknowledged, 500);
    assertEachOnce(numbersOf(await server.records('service:overload')), 500);
    await transport.close();
  } finally {
    await server.remove();
  }
});

test('a batch that the server never takes is told with the reason, and falls back', async () => {
  const server = await Server.start('--max-in-flight', '50');
  try {
    const file = server.file('refused.ndjson');
    const transport = new LogboomTransport({ address: server.address, service: 'refused', batchRecords: 100, fallback: { file } });
    const refusals: Refusal[] = [];
    transport.on('refused', (refusal) => refusals.push(refusal));
    for (let n = 0; n < 110; n += 1) transport.log({ level: 'info', message: 'm', n }, () => {});
    await transport.flush();
    const [refusal, ...more] = refusals;
    assert.ok(refusal && more.length === 0);
    assert.match(refusal.reason, /^submission: 100 records .* the limit is 50 records/);
    assert.equal(refusal.records.length, 100);
    assert.deepEqual(refusal.records[3]?.attributes, [{ key: 'n', value: 3 }]);
    const stored = numbersOf(await server.records('service:refused'));
    assert.deepEqual(stored, Array.from({ length: 10 }, (_, n) => n + 100));
    assertEachOnce([...stored, ...numbersOf(linesOf(file))], 110);
    const { acknowledged, refused, fellBack } = transport.counters;
    assert.deepEqual({ acknowledged, refused, fellBack }, { acknowledged: 10, refused: 100, fellBack: 100 });
    await transport.close();
  } finally {
    await server.remove();
  }
});
