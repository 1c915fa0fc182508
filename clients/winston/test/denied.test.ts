import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { status } from '@grpc/grpc-js';
import winston from 'winston';
import { AccessDenied, LogboomTransport } from '../src';
import { type Call, ScriptedServer } from './support/scripted';
import { until } from './support/until';

const KEY = 'lb_ab12cd34_0123456789abcdef0123456789abcdef';

test('the key goes along with each stream, and no inspection of the transport shows it', async () => {
  const seen: (string | undefined)[] = [];
  const server = await ScriptedServer.start({
    opened: (call) => {
      seen.push(call.authorization);
      call.say({ window: { batches: 1 } });
    },
    arrived: (call, { sequence }) => call.say({ acknowledged: { sequence } }),
  });
  try {
    for (const key of [KEY, undefined]) {
      const transport = new LogboomTransport({ address: server.address, service: 's', ...(key && { key }) });
      transport.log({ level: 'info', message: 'm' }, () => {});
      await transport.flush();
      assert.ok(!inspect(transport, { depth: null, showHidden: true, getters: true }).includes(KEY));
      await transport.close();
    }
    assert.deepEqual(seen, [`Bearer ${KEY}`, undefined]);
  } finally {
    server.stop();
  }
});

test('a refused key is reported once, the records wait, and a mended key delivers them', async () => {
  let refusal: ((call: Call) => void) | undefined = (call) => call.fail('the key lb_ab12cd34 is revoked', status.UNAUTHENTICATED);
  let calls = 0;
  const arrived: string[] = [];
  const server = await ScriptedServer.start({
    opened: (call) => {
      calls += 1;
      if (refusal) refusal(call);
      else call.say({ window: { batches: 1 } });
    },
    arrived: (call, { sequence, messages }) => {
      arrived.push(...messages);
      call.say({ acknowledged: { sequence } });
    },
  });
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => {
    if (warning.name === 'LogboomWarning') warnings.push(warning);
  };
  process.on('warning', onWarning);
  const transport = new LogboomTransport({ address: server.address, service: 's', key: KEY, fallback: 'drop' });
  const logger = winston.createLogger({ transports: [transport] });
  const denials: unknown[] = [];
  logger.on('warn', (denied: unknown) => denials.push(denied));
  try {
    logger.info('kept');
    await until('it has tried three times', () => calls >= 3);
    assert.equal(denials.length, 1);
    assert.ok(denials[0] instanceof AccessDenied);
    assert.equal(denials[0].message, 'Logboom refuses to take records: the key lb_ab12cd34 is revoked');
    assert.deepEqual(warnings.map(({ message }) => message), [denials[0].message]);
    assert.deepEqual(transport.counters, { received: 1, acknowledged: 0, fellBack: 0, overflowed: 0, refused: 0, buffered: 1 });

    // Another reason is news.
    refusal = (call) => call.fail('the key lb_ab12cd34 may read only', status.PERMISSION_DENIED);
    await once(logger, 'warn');
    refusal = undefined;
    await transport.flush();
    assert.deepEqual(arrived, ['kept']);
    assert.equal(denials.length, 2);
    assert.deepEqual(transport.counters, { received: 1, acknowledged: 1, fellBack: 0, overflowed: 0, refused: 0, buffered: 0 });
  } finally {
    process.off('warning', onWarning);
    await transport.close();
    server.stop();
  }
});
