import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { BATCH_BYTES } from '../limits';
import { Batcher } from './batcher';

function gather(batchRecords: number, batchDelayMs: number): { batcher: Batcher; sizes: number[] } {
  const sizes: number[] = [];
  return { batcher: new Batcher({ batchRecords, batchDelayMs }, (records) => sizes.push(records.length)), sizes };
}

test('a batch is made of as many records as it may have', () => {
  const { batcher, sizes } = gather(3, 1000);
  for (let n = 0; n < 7; n += 1) batcher.add(new Uint8Array(1));
  assert.deepEqual(sizes, [3, 3]);
  assert.deepEqual([batcher.records, batcher.bytes], [1, 1]);
  batcher.flush();
  batcher.flush();
  assert.deepEqual(sizes, [3, 3, 1]);
});

test('a batch that is not full waits no longer than its delay', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const { batcher, sizes } = gather(3, 100);
    batcher.add(new Uint8Array(1));
    mock.timers.tick(60);
    batcher.add(new Uint8Array(1));
    mock.timers.tick(39);
    assert.deepEqual(sizes, []);
    mock.timers.tick(1);
    assert.deepEqual(sizes, [2]);
  } finally {
    mock.timers.reset();
  }
});

test('a batch takes no record that would make it too large, and one such record alone', () => {
  const { batcher, sizes } = gather(100, 1000);
  batcher.add(new Uint8Array(BATCH_BYTES));
  batcher.add(new Uint8Array(1));
  batcher.add(new Uint8Array(2 * BATCH_BYTES));
  batcher.flush();
  assert.deepEqual(sizes, [1, 1, 1]);
});
