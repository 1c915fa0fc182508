import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import type { LogRecord } from '../record/record';
import { ConsoleFallback } from './console';
import { FileFallback } from './file';
import { lineOf } from './line';

const RECORD: LogRecord = {
  timeUnixNano: 1_767_323_045_000_000_006n,
  level: 'info',
  service: 'checkout',
  node: 'web-1',
  message: 'line 1\nline 2',
  attributes: [
    { key: 'n', value: 1 },
    { key: 'big', value: 2n ** 62n },
    { key: 'nan', value: NaN },
    { key: 'time', value: 'lunch' },
  ],
  spanId: 'b7ad6b7169203331',
};
const LINE =
  '{"time":"2026-01-02T03:04:05.000000006Z","level":"info","service":"checkout","node":"web-1",' +
  '"message":"line 1\\nline 2","span_id":"b7ad6b7169203331","n":1,"big":4611686018427387904,"nan":"NaN",' +
  '"attributes.time":"lunch"}';

function written(write: () => void): string {
  const stderr = mock.method(process.stderr, 'write', () => true);
  try {
    write();
    return stderr.mock.calls.map(({ arguments: [text] }) => String(text)).join('');
  } finally {
    stderr.mock.restore();
  }
}

test('a record is one line of JSON', () => {
  assert.equal(lineOf(RECORD), LINE);
});

test('the console has one line a record', () => {
  assert.equal(written(() => new ConsoleFallback().write([RECORD, RECORD])), `${LINE}\n${LINE}\n`);
});

test('a file and its folder are made at the first record, and appended to', () => {
  const folder = mkdtempSync(join(tmpdir(), 'logboom-winston-'));
  try {
    const path = join(folder, 'new', 'logs.ndjson');
    const first = new FileFallback(path);
    first.write([RECORD]);
    first.write([RECORD]);
    first.close();
    const second = new FileFallback(path);
    second.write([RECORD]);
    second.close();
    assert.equal(readFileSync(path, 'utf8'), `${LINE}\n`.repeat(3));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('where the file cannot be written the console has the records, and once the reason', () => {
  const text = written(() => {
    const fallback = new FileFallback('/dev/null/logs.ndjson');
    fallback.write([RECORD]);
    fallback.write([RECORD]);
  });
  const [reason, ...lines] = text.trimEnd().split('\n');
  assert.match(reason ?? '', /^logboom-winston: cannot write \/dev\/null\/logs\.ndjson: Error: E/);
  assert.deepEqual(lines, [LINE, LINE]);
});
