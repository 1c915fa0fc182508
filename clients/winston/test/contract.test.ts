import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LogboomTransport, type Refusal } from '../src';
import { linesOf } from './support/lines';
import { type Arrived, type Call, ScriptedServer } from './support/scripted';
import { until } from './support/until';

const acknowledge = (call: Call, { sequence, messages }: Arrived): void =>
  call.say({ acknowledged: { sequence, accepted: messages.length } });

/** A transport whose batches have one record each. */
function transportTo({ address }: ScriptedServer): LogboomTransport & { say(...messages: string[]): void } {
  const transport = new LogboomTransport({ address, service: 'scripted', batchRecords: 1, fallback: 'drop', flushTimeoutMs: 200 });
  const say = (...messages: string[]): void => {
    for (const message of messages) transport.log({ level: 'info', message }, () => {});
  };
  return Object.assign(transport, { say });
}

test('nothing is sent before the window is known, and never more than it allows', async () => {
  const arrived: Arrived[] = [];
  let call: Call | undefined;
  // The announced window and the batches sent, sampled at each arrival.
  let [allowed, acknowledged] = [0, 0];
  const tooEarly: string[] = [];
  const server = await ScriptedServer.start({
    opened: (opened) => (call = opened),
    arrived: (_, batch) => {
      arrived.push(batch);
      if (arrived.length - acknowledged > allowed) tooEarly.push(...batch.messages);
    },
  });
  const transport = transportTo(server);
  try {
    transport.say('a', 'b', 'c', 'd');
    const open = await until('there is a stream', () => call);
    allowed = 2;
    open.say({ window: { batches: 2 } });
    for (let n = 0; n < 4; n += 1) {
      const batch = await until('another batch', () => arrived[n]);
      acknowledged += 1;
      acknowledge(open, batch);
    }
    await transport.flush();
    assert.deepEqual(tooEarly, []);
    assert.deepEqual(arrived.map(({ messages }) => messages), [['a'], ['b'], ['c'], ['d']]);
    assert.equal(new Set(arrived.map(({ batchId }) => batchId)).size, 4);
    for (const { batchId } of arrived) assert.equal(Buffer.from(batchId, 'base64').length, 16);
  } finally {
    await transport.close();
    server.stop();
  }
});

test('a failed batch is sent again under its id after the delay, with those behind it', async () => {
  const arrived: (Arrived & { at: number })[] = [];
  const server = await ScriptedServer.start({
    opened: (call) => call.say({ window: { batches: 1 } }),
    arrived: (call, batch) => {
      arrived.push({ ...batch, at: Date.now() });
      if (arrived.length > 1) return acknowledge(call, batch);
      call.say({ failed: { sequence: batch.sequence, code: 8, reason: 'busy', retryAfterMs: 400 } });
    },
  });
  const transport = transportTo(server);
  try {
    transport.say('a', 'b');
    await transport.flush();
    const [first, second, third] = arrived;
    assert.deepEqual([first?.batchId, first?.messages], [second?.batchId, ['a']]);
    assert.deepEqual(third?.messages, ['b']);
    assert.ok((second?.at ?? 0) - (first?.at ?? 0) >= 390);
  } finally {
    await transport.close();
    server.stop();
  }
});

test('a stream that ends, whether well or badly, is opened again with the same batches', async () => {
  const arrived: Arrived[] = [];
  let streams = 0;
  const server = await ScriptedServer.start({
    opened: (call) => {
      streams += 1;
      call.say({ window: { batches: 8 } });
    },
    arrived: (call, batch) => {
      arrived.push(batch);
      if (arrived.length === 2) return call.end();
      if (arrived.length === 4) return call.fail('restarting');
      if (arrived.length > 4) acknowledge(call, batch);
    },
  });
  const transport = transportTo(server);
  try {
    transport.say('a', 'b');
    await transport.flush();
    assert.equal(streams, 3);
    assert.deepEqual(arrived.map(({ messages: [message] }) => message), ['a', 'b', 'a', 'b', 'a', 'b']);
    assert.equal(new Set(arrived.map(({ batchId }) => batchId)).size, 2);
  } finally {
    await transport.close();
    server.stop();
  }
});

test('single records that are refused are told one by one, and the others count as stored', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'logboom-winston-'));
  const server = await ScriptedServer.start({
    opened: (call) => call.say({ window: { batches: 8 } }),
    arrived: (call, { sequence }) =>
      call.say({ acknowledged: { sequence, accepted: 1, rejected: [{ index: 1, reason: 'message: too odd' }] } }),
  });
  const file = join(folder, 'refused.ndjson');
  const transport = new LogboomTransport({ address: server.address, service: 'scripted', batchRecords: 2, fallback: { file } });
  const refusals: Refusal[] = [];
  transport.on('refused', (refusal) => refusals.push(refusal));
  try {
    for (const message of ['good', 'odd']) transport.log({ level: 'info', message }, () => {});
    await transport.flush();
    assert.deepEqual(refusals.map(({ reason, records }) => [reason, records.map(({ message }) => message)]), [
      ['message: too odd', ['odd']],
    ]);
    assert.deepEqual(linesOf(file).map(({ message }) => message), ['odd']);
    const { acknowledged, refused } = transport.counters;
    assert.deepEqual([acknowledged, refused], [1, 1]);
  } finally {
    await transport.close();
    server.stop();
    rmSync(folder, { recursive: true });
  }
});

test('answers that mean nothing to us are passed over', async () => {
  const server = await ScriptedServer.start({
    opened: (call) => call.say({ window: { batches: 0 } }),
    arrived: (call, batch) => {
      call.say({});
      call.say({ acknowledged: { sequence: 999 } });
      call.say({ failed: { sequence: 998, reason: 'whose?' } });
      acknowledge(call, batch);
      acknowledge(call, batch);
    },
  });
  const transport = transportTo(server);
  try {
    transport.say('a', 'b');
    await transport.flush();
    assert.equal(transport.counters.acknowledged, 2);
  } finally {
    await transport.close();
    server.stop();
  }
});

test('a stream is given back while nothing is on its way', async () => {
  let open = 0;
  const server = await ScriptedServer.start({
    opened: (call) => {
      open += 1;
      call.say({ window: { batches: 8 } });
    },
    arrived: acknowledge,
  });
  const transport = transportTo(server);
  const disconnections: unknown[] = [];
  transport.on('disconnected', (disconnection) => disconnections.push(disconnection));
  try {
    for (const message of ['a', 'b']) {
      transport.say(message);
      await transport.flush();
      await sleep(500);
    }
    assert.equal(open, 2);
    assert.deepEqual(disconnections, []);
  } finally {
    await transport.close();
    server.stop();
  }
});
