import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatNanos, nanosOfTimestamp } from './time';

const utc = (text: string): bigint => BigInt(Date.parse(text)) * 1_000_000n;
const local = (...parts: [number, number, number, number, number, number, number]): bigint =>
  BigInt(new Date(...parts).getTime()) * 1_000_000n;

test('a timestamp is read in every form that winston and its users write', () => {
  const cases: [unknown, bigint][] = [
    ['2026-01-02T03:04:05.678Z', utc('2026-01-02T03:04:05.678Z')],
    ['2026-01-02T03:04:05Z', utc('2026-01-02T03:04:05Z')],
    ['2026-01-02T03:04Z', utc('2026-01-02T03:04:00Z')],
    ['2026-01-02T03:04:05.123456789Z', utc('2026-01-02T03:04:05Z') + 123_456_789n],
    ['2026-01-02T12:04:05.5+09:00', utc('2026-01-02T03:04:05.500Z')],
    ['2026-01-01T22:34:05-0430', utc('2026-01-02T03:04:05Z')],
    [' 2024-02-29 03:04:05 Z ', utc('2024-02-29T03:04:05Z')],
    ['2026-01-02 03:04:05:678', local(2026, 0, 2, 3, 4, 5, 678)],
    ['2026-07-02 03:04:05.678', local(2026, 6, 2, 3, 4, 5, 678)],
    ['2026-01-02T03:04:05', local(2026, 0, 2, 3, 4, 5, 0)],
    [new Date('2026-01-02T03:04:05.678Z'), utc('2026-01-02T03:04:05.678Z')],
    [1_767_323_045_678, 1_767_323_045_678_000_000n],
    [1_767_323_045_678.5, 1_767_323_045_678_500_000n],
    [-1, -1_000_000n],
  ];
  for (const [timestamp, nanos] of cases) assert.equal(nanosOfTimestamp(timestamp), nanos, String(timestamp));
});

test('what is no time is left alone', () => {
  const cases = ['', 'yesterday', '03:04:05', '2026-13-02T03:04:05Z', '2026-00-02T03:04:05Z', '2026-04-31T00:00:00Z'];
  const more = ['2026-01-02T24:00:00Z', '1/2/2026, 3:04:05 AM', NaN, Infinity, 1e300, new Date(NaN), null, undefined, {}];
  for (const timestamp of [...cases, ...more]) assert.equal(nanosOfTimestamp(timestamp), undefined, String(timestamp));
});

test('a time is written with nine digits', () => {
  assert.equal(formatNanos(1_767_323_045_000_000_006n), '2026-01-02T03:04:05.000000006Z');
  assert.equal(formatNanos(-1n), '1969-12-31T23:59:59.999999999Z');
});
