import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import type { LogboomTransportOptions } from './options';
import { settingsOf } from './settings';

test('a service alone is enough', () => {
  assert.deepEqual(settingsOf({ service: 'checkout' }), {
    address: '127.0.0.1:4317',
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
  assert.deepEqual(settingsOf({ service: 's', tls: true }).tls, {});
  assert.deepEqual(settingsOf({ service: 's', fallback: { file: 'logs' } }).fallback, { file: 'logs' });
  assert.doesNotThrow(() => settingsOf({ service: 's', level: 'warn', silent: true, handleExceptions: true }));
});

test('a wrong option is refused by name, with the way out', () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ service: undefined }, /^service: undefined; give a text of 1 to 256 bytes$/],
    [{ service: '' }, /^service: ''; give/],
    [{ service: 'é'.repeat(129) }, /^service: /],
    [{ node: 7 }, /^node: 7; give/],
    [{ address: 'http://127.0.0.1:4317' }, /^address: 'http:\/\/127\.0\.0\.1:4317'; give host:port/],
    [{ address: 'localhost' }, /^address: /],
    [{ address: '127.0.0.1:65536' }, /^address: /],
    [{ address: 4317 }, /^address: 4317; /],
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
    [{ tls: 'yes' }, /^tls: 'yes'; /],
    [{ tls: { ca: 5 } }, /^tls\.ca: 5; give PEM/],
    [{ tls: { cert: 'x' } }, /^tls\.cert, tls\.key: only one/],
    [{ tls: { serverName: '' } }, /^tls\.serverName: ''; /],
    [{ batchSize: 10 }, /^batchSize: unknown option; known are address, /],
  ];
  for (const [wrong, message] of cases) {
    const options = { service: 's', ...wrong } as unknown as LogboomTransportOptions;
    assert.throws(() => settingsOf(options), { name: 'TypeError', message });
  }
  assert.throws(() => settingsOf(undefined as unknown as LogboomTransportOptions), /^TypeError: options: undefined; /);
});
