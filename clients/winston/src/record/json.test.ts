import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonText } from './json';

test('JSON is what JSON.stringify makes, where it makes any', () => {
  const values = [1, 'text', true, null, [1, [2]], { a: { b: [undefined, NaN] }, c: undefined }, new Date(0), new URL('http://x/')];
  for (const value of values) assert.equal(jsonText(value), JSON.stringify(value));
  assert.equal(jsonText(undefined), undefined);
});

test('what JSON.stringify throws at or forgets becomes text', () => {
  const cycle: Record<string, unknown> = { n: 1 };
  cycle.self = cycle;
  const cases: [unknown, string][] = [
    [cycle, '{"n":1,"self":"[circular]"}'],
    [{ big: 2n ** 70n }, '{"big":"1180591620717411303424"}'],
    [new Map([['a', new Set([1, 2])]]), '{"a":[1,2]}'],
    [[/x+/g, Buffer.from('hi')], '["/x+/g","aGk="]'],
    [JSON.parse('{"__proto__":1}'), '{"__proto__":1}'],
  ];
  for (const [value, text] of cases) assert.equal(jsonText(value), text);
  const failed = JSON.parse(jsonText([new RangeError('far')]) ?? '');
  assert.equal(failed[0].type, 'RangeError');
  assert.equal(failed[0].message, 'far');
});

test('depth and size are bounded', () => {
  let deep: unknown = 'bottom';
  for (let level = 0; level < 1000; level += 1) deep = [deep];
  assert.ok(jsonText(deep)?.includes('[too deep]'));
  const wide = jsonText(Array.from({ length: 1_000_000 }, (_, n) => n)) ?? '';
  assert.ok(wide.length < 200_000 && wide.endsWith('"…"]'));
});
