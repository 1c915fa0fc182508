import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Outbox } from './outbox';

function outboxOf(...sequences: number[]): Outbox {
  const outbox = new Outbox();
  for (const sequence of sequences) outbox.add({ sequence, request: new Uint8Array(10), records: 2 });
  return outbox;
}

test('batches are taken oldest first, each once', () => {
  const outbox = outboxOf(1, 2);
  assert.deepEqual([outbox.takeUnsent()?.sequence, outbox.takeUnsent()?.sequence, outbox.takeUnsent()], [1, 2, undefined]);
  assert.deepEqual([outbox.inFlight, outbox.hasUnsent], [2, false]);
});

test('what is to be sent again comes before what is newer', () => {
  const outbox = outboxOf(1, 2, 3);
  outbox.takeUnsent();
  outbox.takeUnsent();
  outbox.unsend(1);
  assert.equal(outbox.takeUnsent()?.sequence, 1);
  outbox.unsendAll();
  assert.deepEqual([outbox.inFlight, outbox.takeUnsent()?.sequence], [0, 1]);
});

test('a batch is settled once, and its room is returned', () => {
  const outbox = outboxOf(1, 2);
  outbox.takeUnsent();
  assert.equal(outbox.settle(1)?.sequence, 1);
  assert.equal(outbox.settle(1), undefined);
  assert.deepEqual([outbox.inFlight, outbox.records, outbox.bytes], [0, 2, 10]);
  outbox.unsend(1);
  assert.equal(outbox.inFlight, 0);
  assert.equal(outbox.settleAll().length, 1);
  assert.deepEqual([outbox.hasUnsent, outbox.records, outbox.bytes], [false, 0, 0]);
});

test('who waits is told when what was there is settled, whatever came since', async () => {
  const outbox = outboxOf(1, 2);
  let isSettled = false;
  const settled = outbox.settled().then(() => (isSettled = true));
  outbox.add({ sequence: 3, request: new Uint8Array(1), records: 1 });
  outbox.settle(2);
  await turn();
  assert.equal(isSettled, false);
  outbox.settle(1);
  await settled;
  await outboxOf().settled();
});
