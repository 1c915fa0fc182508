import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import type { LogboomTransportOptions } from './options';
import { settingsOf } from './settings';

// The tests say which key there is.
delete process.env.LOGBOOM_KEY;

test('a service alone is enough', () => {
  assert.deepEqual(settingsOf({ service: 'checkout' }), {
    address: '127.0.0.1:4317',
    key: undefined,
    service: 'checkout',
    node: hostname(),
    tls: undefined,
    batchRecords: 500,
    batchDelayMs: 100,
    maxBufferedRecords: 10_000,
    maxBufferedBytes: 16_777_216,
    fallback: 'console',
    flushTimeoutMs: 5000,
  });
});

test('an option that is undefined has its default', () => {
  const options = { service: 'checkout', batchRecords: undefined, node: undefined } as unknown as LogboomTransportOptions;
  assert.equal(settingsOf(options).batchRecords, 500);
  assert.equal(settingsOf(options).node, hostname());
});

test('right options are taken as they are', () => {
  for (const address of ['localhost:1', 'logs.example.com:65535', '[::1]:4317', '10.0.0.1:3000']) {
    assert.equal(settingsOf({ service: 's', address }).address, address);
  }
  assert.deepEqual(settingsOf({ service: 's', fallback: { file: 'logs' } }).fallback, { file: 'logs' });
  assert.doesNotThrow(() => settingsOf({ service: 's', level: 'warn', silent: true, handleExceptions: true }));
});

test('a key is the option, or else the environment variable, which may be empty', () => {
  assert.equal(settingsOf({ service: 's', key: 'lb_one' }).key, 'lb_one');
  process.env.LOGBOOM_KEY = 'lb_two';
  try {
    assert.equal(settingsOf({ service: 's' }).key, 'lb_two');
    assert.equal(settingsOf({ service: 's', key: 'lb_one' }).key, 'lb_one');
    process.env.LOGBOOM_KEY = '';
    assert.equal(settingsOf({ service: 's' }).key, undefined);
    process.env.LOGBOOM_KEY = 'lb two';
    assert.throws(() => settingsOf({ service: 's' }), /^TypeError: LOGBOOM_KEY: not a key; give /);
  } finally {
    delete process.env.LOGBOOM_KEY;
  }
});

test('a wrong key is refused without a word of it', () => {
  for (const key of ['', 'secret with blanks', 'secret\n', 'sécret', 's'.repeat(257), 7, null]) {
    const options = { service: 's', key } as unknown as LogboomTransportOptions;
    assert.throws(() => settingsOf(options), { name: 'TypeError', message: /^key: not a key; give a text of 1 to 256 visible ASCII characters, such as lb_…$/ });
  }
});

test('a wrong option is refused by name, with the way out', () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ service: undefined }, /^service: undefined; give a text of 1 to 256 bytes$/],
    [{ service: '' }, /^service: ''; give/],
    [{ service: 'é'.repeat(129) }, /^service: /],
    [{ node: 7 }, /^node: 7; give/],
    [{ batchRecords: 0 }, /^batchRecords: 0; give a whole number from 1 to 10000$/],
    [{ batchRecords: 10_001 }, /^batchRecords: 10001; /],
    [{ batchRecords: '500' }, /^batchRecords: '500'; /],
    [{ batchDelayMs: -1 }, /^batchDelayMs: -1; give a whole number from 0 to 60000$/],
    [{ batchDelayMs: NaN }, /^batchDelayMs: NaN; /],
    [{ maxBufferedRecords: 1.5 }, /^maxBufferedRecords: 1\.5; /],
    [{ maxBufferedBytes: 1023 }, /^maxBufferedBytes: 1023; /],
    [{ flushTimeoutMs: Infinity }, /^flushTimeoutMs: Infinity; /],
    [{ fallback: 'stdout' }, /^fallback: 'stdout'; give 'console', 'drop' or \{ file: path \}$/],
    [{ fallback: { file: '' } }, /^fallback: \{ file: '' \}; /],
    [{ fallback: null }, /^fallback: null; /],
    [{ batchSize: 10 }, /^batchSize: unknown option; known are address, /],
  ];
  for (const [wrong, message] of cases) {
    const options = { service: 's', ...wrong } as unknown as LogboomTransportOptions;
    assert.throws(() => settingsOf(options), { name: 'TypeError', message });
  }
  assert.throws(() => settingsOf(undefined as unknown as LogboomTransportOptions), /^TypeError: options: undefined; /);
});
