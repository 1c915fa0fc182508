import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogRecord } from '../record/record';
import { decodeAnswer } from './answer';
import { PushRequest, StreamResponse } from './contract';
import { encodeRecord } from './record';
import { decodeRecords, encodeRequest } from './request';

const SENDER = { service: 'checkout', node: 'web-1' };

const FULL: LogRecord = {
  timeUnixNano: 1_767_323_045_000_000_006n,
  level: 'info',
  service: 'cart',
  node: 'web-2',
  message: 'größe 🪵',
  attributes: [
    { key: 'text', value: '' },
    { key: 'integer', value: -(2 ** 53 - 1) },
    { key: 'big', value: -(2n ** 63n) },
    { key: 'number', value: 0.5 },
    { key: 'far', value: 1e300 },
    { key: 'no', value: false },
    { key: 'zero', value: 0 },
  ],
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
};
const PLAIN: LogRecord = { timeUnixNano: -1n, level: '', ...SENDER, message: 'm', attributes: [] };

test('records come back from a request as they were', () => {
  const encoded = [FULL, PLAIN].map((record) => encodeRecord(record, SENDER));
  const request = encodeRequest({ batchId: new Uint8Array(16).fill(7), sender: SENDER, sequence: 9 }, encoded);
  assert.deepEqual(decodeRecords(request), [FULL, PLAIN]);
});

test('a request is what the contract says', () => {
  const request = encodeRequest({ batchId: new Uint8Array(16).fill(7), sender: SENDER, sequence: 2 ** 40 }, [
    encodeRecord(FULL, SENDER),
  ]);
  const { batchId, service, node, sequence, records } = PushRequest.toObject(PushRequest.decode(request), {
    longs: String,
    bytes: Array,
  });
  assert.deepEqual([batchId, service, node, sequence], [new Array(16).fill(7), 'checkout', 'web-1', '1099511627776']);
  assert.deepEqual(records[0].attributes.slice(0, 4), [
    { key: 'text', text: '' },
    { key: 'integer', integer: '-9007199254740991' },
    { key: 'big', integer: '-9223372036854775808' },
    { key: 'number', number: 0.5 },
  ]);
  assert.equal(records[0].timeUnixNano, '1767323045000000006');
});

test('what the sender says for all is not repeated', () => {
  assert.ok(encodeRecord(PLAIN, SENDER).length < encodeRecord(PLAIN, { service: 'x', node: 'y' }).length);
});

test('every answer is told from the others, and no delay from a delay of none', () => {
  const answer = (event: object): unknown => decodeAnswer(StreamResponse.encode(event).finish());
  assert.deepEqual(answer({ window: { batches: 32 } }), { kind: 'window', batches: 32 });
  assert.deepEqual(answer({ window: {} }), { kind: 'window', batches: 0 });
  assert.deepEqual(answer({ acknowledged: { accepted: 3, sequence: 7, rejected: [{ reason: 'no' }, { index: 2 }] } }), {
    kind: 'acknowledged',
    sequence: 7,
    rejected: [
      { index: 0, reason: 'no' },
      { index: 2, reason: '' },
    ],
  });
  assert.deepEqual(answer({ failed: { sequence: 7, code: 3, reason: 'bad' } }), { kind: 'failed', sequence: 7, code: 3, reason: 'bad' });
  assert.deepEqual(answer({ failed: { sequence: 7, retryAfterMs: 0 } }), {
    kind: 'failed',
    sequence: 7,
    code: 0,
    reason: '',
    retryAfterMs: 0,
  });
  assert.deepEqual(answer({}), { kind: 'unknown' });
});
