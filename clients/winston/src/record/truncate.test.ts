import assert from 'node:assert/strict';
import { test } from 'node:test';
import { truncate } from './truncate';

test('a text within the limit stays as it is', () => {
  for (const text of ['', 'short', 'x'.repeat(64), 'é'.repeat(32), '🪵'.repeat(16)]) {
    assert.equal(truncate(text, 64), text);
  }
});

test('a text past the limit is cut between characters and says how long it was', () => {
  for (const character of ['x', 'é', '€', '🪵', 'x€', 'xx🪵']) {
    const text = character.repeat(200);
    const cut = truncate(text, 100);
    assert.ok(Buffer.byteLength(cut) <= 100 && Buffer.byteLength(cut) > 90, cut);
    const [, beginning, length] = /^(.*)… \[cut, (\d+) bytes\]$/u.exec(cut) ?? assert.fail(cut);
    assert.ok(text.startsWith(beginning ?? ''), cut);
    assert.equal(Number(length), Buffer.byteLength(text));
  }
});

test('half a surrogate pair becomes a replacement character', () => {
  assert.equal(truncate('a\ud83db', 100), 'a\ufffdb');
  assert.equal(truncate('\udeb5', 100), '\ufffd');
  assert.ok(truncate(`${'x'.repeat(69)}${'\ud83d'.repeat(40)}`, 100).isWellFormed());
});

test('a limit that has no room for the mark leaves a sign alone', () => {
  assert.equal(truncate('x'.repeat(50), 10), '…');
});
