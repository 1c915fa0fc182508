import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { type Info, recordFromInfo } from './from-info';
import type { LogRecord, Value } from './record';

const SENDER = { service: 'checkout', node: 'web-1' };
const NOW = 1_767_323_045_678;

const record = (info: Info): LogRecord => recordFromInfo({ level: 'info', message: 'hello', ...info }, SENDER, NOW);
const attributesOf = ({ attributes }: LogRecord): Record<string, Value> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value]));
const attributes = (info: Info): Record<string, Value> => attributesOf(record(info));

test('an info with nothing more has the sender, the time of now and no attributes', () => {
  assert.deepEqual(record({}), {
    timeUnixNano: 1_767_323_045_678_000_000n,
    level: 'info',
    service: 'checkout',
    node: 'web-1',
    message: 'hello',
    attributes: [],
  });
});

test('level and message lose their colours', () => {
  const { level, message } = record({ level: '\u001b[31merror\u001b[39m', message: '\u001b[1mstopped\u001b[22m' });
  assert.deepEqual([level, message], ['error', 'stopped']);
});

test('a level that a format has removed is the one that winston keeps aside', () => {
  assert.equal(record({ level: undefined, [Symbol.for('level')]: 'warn' }).level, 'warn');
});

test('a message that is no text becomes JSON', () => {
  const cases: [unknown, string][] = [
    [42, '42'],
    [null, 'null'],
    [['a', 1], '["a",1]'],
    [{ a: 1n }, '{"a":"1"}'],
    [new TypeError('boom'), 'boom'],
    [undefined, '(empty)'],
    ['', '(empty)'],
  ];
  for (const [message, text] of cases) assert.equal(record({ message }).message, text);
});

test('an empty message stays empty where there is an attribute', () => {
  assert.equal(record({ message: '', n: 1 }).message, '');
});

test('a timestamp is the time, and one that cannot be read an attribute', () => {
  assert.equal(record({ timestamp: '2026-01-02T03:04:05.000Z' }).timeUnixNano, 1_767_323_045_000_000_000n);
  assert.deepEqual(attributes({ timestamp: 5 }), {});
  const odd = record({ timestamp: '03:04:05' });
  assert.equal(odd.timeUnixNano, 1_767_323_045_678_000_000n);
  assert.deepEqual(attributesOf(odd), { timestamp: '03:04:05' });
});

test('trace and span ids are found under both names, and are attributes where they are none', () => {
  const trace = '0af7651916cd43dd8448eb211c80319c';
  const found = record({ traceId: trace.toUpperCase(), span_id: 'b7ad6b7169203331' });
  assert.deepEqual([found.traceId, found.spanId, found.attributes], [trace, 'b7ad6b7169203331', []]);
  assert.equal(record({ trace_id: '0af76519-16cd-43dd-8448-eb211c80319c' }).traceId, trace);
  const none = record({ trace_id: 'req-17', spanId: '0000000000000000' });
  assert.deepEqual([none.traceId, none.spanId], [undefined, undefined]);
  assert.deepEqual(attributesOf(none), { trace_id: 'req-17', spanId: '0000000000000000' });
});

test("a record's own service and node stand before the sender's", () => {
  const { service, node, attributes } = record({ service: 'cart', node: 'web-2' });
  assert.deepEqual([service, node, attributes], ['cart', 'web-2', []]);
  assert.deepEqual(attributes, record({ service: '' }).service === 'checkout' ? [] : assert.fail());
});

test('other fields are attributes of their own kinds', () => {
  const fields = {
    text: 'a',
    integer: -5,
    number: 0.5,
    yes: true,
    no: false,
    big: 2n ** 62n,
    huge: 2n ** 64n,
    infinite: Infinity,
    empty: '',
    date: new Date(0),
    invalid: new Date(NaN),
    list: [1, 'b', { c: 2 }],
    pattern: /x/,
    url: new URL('http://x/'),
    bytes: Buffer.from('hi'),
    nothing: null,
    missing: undefined,
    call: () => 1,
    symbol: Symbol('s'),
    none: {},
  };
  assert.deepEqual(attributes(fields), {
    text: 'a',
    integer: -5,
    number: 0.5,
    yes: true,
    no: false,
    big: 2n ** 62n,
    huge: '18446744073709551616',
    infinite: Infinity,
    empty: '',
    date: '1970-01-01T00:00:00.000Z',
    invalid: 'Invalid Date',
    list: '[1,"b",{"c":2}]',
    pattern: '/x/',
    url: 'http://x/',
    bytes: 'aGk=',
  });
});

test('nested objects and maps are flattened with dots', () => {
  const fields = { http: { status: 200, headers: { host: 'x' } }, tags: new Map([['a', new Map([['b', 1]])]]) };
  assert.deepEqual(attributes(fields), { 'http.status': 200, 'http.headers.host': 'x', 'tags.a.b': 1 });
});

test('cycles and depths end', () => {
  const cycle: Record<string, unknown> = { n: 1 };
  cycle.self = { again: cycle };
  assert.deepEqual(attributes({ cycle }), { 'cycle.n': 1, 'cycle.self.again': '[circular]' });
  const shared = { n: 1 };
  assert.deepEqual(attributes({ a: shared, b: shared }), { 'a.n': 1, 'b.n': 1 });
  let deep: unknown = 1;
  for (let level = 0; level < 1000; level += 1) deep = { d: deep };
  const [[key, value] = []] = Object.entries(attributes({ deep }));
  assert.equal(key, `deep${'.d'.repeat(32)}`);
  assert.equal(value, '[too deep]');
  const growing = { toJSON: (): unknown => ({ ...growing }) };
  assert.deepEqual(attributes({ growing }), { growing: '[too deep]' });
});

test('a field that throws says so and costs no other', () => {
  const thrower = {
    get field(): unknown {
      throw new Error('not now');
    },
  };
  assert.deepEqual(attributes({ thrower, n: 1 }), { thrower: '[unreadable: not now]', n: 1 });
  assert.equal(record({ message: thrower, n: 1 }).message, '[unreadable: not now]');
  const proxy = new Proxy({}, { ownKeys: () => assert.fail('closed') });
  assert.equal(attributes({ proxy }).proxy, '[unreadable: closed]');
  assert.equal(recordFromInfo(proxy, SENDER, NOW).message, '[unreadable: closed]');
});

test('an error is an exception wherever winston puts it', () => {
  class PaymentError extends Error {}
  const error = Object.assign(new PaymentError('declined'), { code: 'E_CARD' });
  const expected = {
    'exception.type': 'PaymentError',
    'exception.message': 'declined',
    'exception.stacktrace': error.stack,
  };
  const splat = { [Symbol.for('splat')]: [error], stack: error.stack, code: error.code };
  assert.deepEqual(attributes({ message: error }), expected);
  assert.deepEqual(attributes(splat), { ...expected, code: 'E_CARD' });
  assert.deepEqual(attributes({ err: error }), { 'err.code': 'E_CARD', ...expected });
  assert.deepEqual(attributes({ error, stack: error.stack }), { 'error.code': 'E_CARD', ...expected });
  const itself = recordFromInfo(Object.assign(error, { level: 'error' }) as unknown as Info, SENDER, NOW);
  assert.equal(itself.message, 'declined');
  assert.deepEqual(attributesOf(itself), { ...expected, code: 'E_CARD' });
});

test('a stack without its error tells the type', () => {
  const stack = 'TypeError: boom\n    at main (a.js:1:1)';
  assert.deepEqual(attributes({ stack }), { 'exception.type': 'TypeError', 'exception.stacktrace': stack });
  const cause = new RangeError('far');
  const { 'cause.type': type, 'exception.type': first } = attributes({ stack, cause });
  assert.deepEqual([first, type], ['TypeError', 'RangeError']);
});

test('a stack trace tells its causes, and ends where they repeat', () => {
  const error = new Error('outer', { cause: new RangeError('inner') });
  assert.match(String(attributes({ error })['exception.stacktrace']), /^Error: outer\n[^]*\nCaused by: RangeError: inner\n/);
  error.cause = error;
  assert.equal(String(attributes({ error })['exception.stacktrace']).split('Caused by').length, 9);
});

test('an error of another realm is one, and a second error keeps its place', () => {
  const foreign: unknown = runInNewContext('new TypeError("there")');
  const second = new Error('second');
  assert.deepEqual(
    { ...attributes({ foreign, more: { second } }), 'exception.stacktrace': '' },
    {
      'exception.type': 'TypeError',
      'exception.message': 'there',
      'exception.stacktrace': '',
      'more.second.type': 'Error',
      'more.second.message': 'second',
      'more.second.stacktrace': second.stack,
    },
  );
});

test('what is past a limit of the server is cut and marked', () => {
  const long = record({
    level: 'l'.repeat(300),
    message: 'm'.repeat(2 << 20),
    service: 's'.repeat(300),
    text: 'v'.repeat(100_000),
    list: Array.from({ length: 50_000 }, () => 'item'),
    ['k'.repeat(300)]: 1,
  });
  const bytes = (text: string): number => Buffer.byteLength(text);
  assert.deepEqual([bytes(long.level), bytes(long.message), bytes(long.service)], [256, 1 << 20, 256]);
  assert.match(long.message, /… \[cut, 2097152 bytes\]$/);
  const [text, list, key] = long.attributes;
  assert.equal(bytes(String(text?.value)), 64 << 10);
  assert.equal(bytes(String(list?.value)), 64 << 10);
  assert.equal(bytes(key?.key ?? ''), 256);
});

test('of too many attributes the first are kept, and the last says so', () => {
  const fields = (count: number): Info => Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n]));
  assert.equal(record(fields(256)).attributes.length, 256);
  assert.equal(attributes(fields(256)).k255, 255);
  const kept = record({ nested: fields(1000), late: new Error('late') });
  assert.equal(kept.attributes.length, 256);
  assert.deepEqual(kept.attributes[255], { key: 'logboom.omitted', value: 'attributes past the first 255' });
  assert.equal(kept.attributes[0]?.key, 'exception.type');
});

test('many long values together stay below what a batch may have', () => {
  const fields = Object.fromEntries(Array.from({ length: 256 }, (_, n) => [`k${n}`, 'v'.repeat(64 << 10)]));
  const total = record(fields).attributes.reduce((sum, { value }) => sum + Buffer.byteLength(String(value)), 0);
  assert.ok(total < (2 << 20) + 1024, String(total));
});

test('an empty key gets a name', () => {
  assert.deepEqual(attributes({ '': 1 }), { '(empty)': 1 });
});
