import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { Connection, LogStream, StreamListener } from '../wire/stream';
import { Link } from './link';
import { Outbox } from './outbox';

/** The state of one stream. */
interface Stream {
  readonly listener: StreamListener;
  sent: number;
  ending: 'open' | 'finished' | 'cancelled';
}

/** A link with inactive connections. */
function linkOf(outbox: Outbox): { link: Link; streams: Stream[]; disconnections: string[]; denials: string[]; refusals: string[] } {
  const streams: Stream[] = [];
  const disconnections: string[] = [];
  const denials: string[] = [];
  const refusals: string[] = [];
  const open = (listener: StreamListener): Pick<LogStream, 'send' | 'finish' | 'cancel'> => {
    const stream: Stream = { listener, sent: 0, ending: 'open' };
    streams.push(stream);
    return {
      send: () => void (stream.sent += 1),
      finish: () => void (stream.ending = 'finished'),
      cancel: () => void (stream.ending = 'cancelled'),
    };
  };
  const connect = (): Connection => ({ open, close: () => {} }) as unknown as Connection;
  const link = new Link(connect, outbox, {
    acknowledged: () => {},
    refused: (_, reason) => refusals.push(reason),
    denied: (reason) => denials.push(reason),
    connected: () => {},
    disconnected: (reason) => disconnections.push(reason),
  });
  return { link, streams, disconnections, denials, refusals };
}

function outboxOf(...sequences: number[]): Outbox {
  const outbox = new Outbox();
  for (const sequence of sequences) outbox.add({ sequence, request: new Uint8Array(1), records: 1 });
  return outbox;
}

const WINDOW = { kind: 'window', batches: 8 } as const;

beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
afterEach(() => mock.timers.reset());

test('a server that says nothing for 40 s while batches are on their way is given up, and they go to another stream', () => {
  const { link, streams, disconnections } = linkOf(outboxOf(1, 2));
  link.proceed();
  streams[0]?.listener.answered(WINDOW);
  mock.timers.tick(39_999);
  streams[0]?.listener.answered({ kind: 'acknowledged', sequence: 1, rejected: [] });
  mock.timers.tick(39_999);
  assert.deepEqual([streams[0]?.ending, disconnections], ['open', []]);
  mock.timers.tick(1);
  assert.deepEqual([streams[0]?.ending, disconnections], ['cancelled', ['no answer for 40000 ms']]);
  mock.timers.tick(200);
  streams[1]?.listener.answered(WINDOW);
  assert.deepEqual(streams.map(({ sent }) => sent), [2, 1]);
});

test('a stream that does not begin within 10 s is given up', () => {
  const { link, streams, disconnections } = linkOf(outboxOf(1));
  link.proceed();
  mock.timers.tick(10_000);
  assert.deepEqual([streams[0]?.ending, disconnections], ['cancelled', ['no answer for 10000 ms']]);
});

test('a stream is finished when nothing has been on its way for a while', () => {
  const outbox = outboxOf(1);
  const { link, streams, disconnections } = linkOf(outbox);
  link.proceed();
  streams[0]?.listener.answered(WINDOW);
  streams[0]?.listener.answered({ kind: 'acknowledged', sequence: 1, rejected: [] });
  mock.timers.tick(249);
  assert.equal(streams[0]?.ending, 'open');
  mock.timers.tick(1);
  assert.equal(streams[0]?.ending, 'finished');
  mock.timers.tick(100_000);
  assert.deepEqual([streams.length, disconnections], [1, []]);
});

test('a pause that the server asks for is kept, but no longer than a minute', () => {
  const { link, streams } = linkOf(outboxOf(1, 2));
  link.proceed();
  streams[0]?.listener.answered({ kind: 'window', batches: 1 });
  streams[0]?.listener.answered({ kind: 'failed', sequence: 1, code: status.RESOURCE_EXHAUSTED, reason: 'busy', retryAfterMs: 2 ** 31 });
  mock.timers.tick(59_999);
  link.proceed();
  assert.deepEqual(streams.map(({ sent, ending }) => [sent, ending]), [[1, 'finished']]);
  mock.timers.tick(1);
  streams[1]?.listener.answered(WINDOW);
  assert.deepEqual(streams.map(({ sent }) => sent), [1, 2]);
});

test('a refused key costs no record: the stream is tried again, later and later', () => {
  const { link, streams, disconnections, denials, refusals } = linkOf(outboxOf(1, 2));
  link.proceed();
  streams[0]?.listener.ended('no such key', status.UNAUTHENTICATED);
  mock.timers.tick(200);
  streams[1]?.listener.ended('no such key', status.UNAUTHENTICATED);
  mock.timers.tick(100);
  assert.equal(streams.length, 2, 'the second delay is longer than the first');
  mock.timers.tick(300);
  streams[2]?.listener.ended('gone', status.UNAVAILABLE);
  assert.deepEqual([denials, disconnections, refusals], [['no such key', 'no such key'], ['no such key', 'no such key', 'gone'], []]);
  mock.timers.tick(5000);
  streams[3]?.listener.answered(WINDOW);
  assert.equal(streams[3]?.sent, 2);
});

test('a batch that the key may not send waits, and goes again on the same stream or a new one', () => {
  const { link, streams, denials, refusals } = linkOf(outboxOf(1));
  link.proceed();
  streams[0]?.listener.answered(WINDOW);
  streams[0]?.listener.answered({ kind: 'failed', sequence: 1, code: status.PERMISSION_DENIED, reason: 'the key lb_ab12cd34 may read only' });
  assert.deepEqual([denials, refusals], [['the key lb_ab12cd34 may read only'], []]);
  mock.timers.tick(4999);
  assert.deepEqual(streams.map(({ sent }) => sent), [1]);
  mock.timers.tick(1);
  streams[1]?.listener.answered(WINDOW);
  assert.deepEqual(streams.map(({ sent }) => sent), [1, 1]);
});
