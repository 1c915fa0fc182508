import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from './backoff';

test('delays double from 100 ms to 5 s, and begin anew after success', () => {
  const shortest = new Backoff(() => 0);
  assert.deepEqual(Array.from({ length: 8 }, () => shortest.next()), [100, 200, 400, 800, 1600, 2500, 2500, 2500]);
  shortest.reset();
  assert.equal(shortest.next(), 100);
  const longest = new Backoff(() => 1);
  assert.deepEqual(Array.from({ length: 8 }, () => longest.next()), [200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
  for (let attempt = 0; attempt < 2000; attempt += 1) assert.equal(longest.next(), 5000);
});
