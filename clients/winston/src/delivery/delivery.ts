import { randomBytes } from 'node:crypto';
import { AccessDenied, type Emit } from '../events';
import type { Fallback } from '../fallback/fallback';
import type { LogRecord, Sender } from '../record/record';
import type { Rejection } from '../wire/answer';
import { encodeRecord } from '../wire/record';
import { decodeRecords, encodeRequest } from '../wire/request';
import type { Connection } from '../wire/stream';
import { Batcher, type BatcherOptions } from './batcher';
import type { Counters } from './counters';
import { Link } from './link';
import { type Batch, Outbox } from './outbox';

const BATCH_ID_BYTES = 16;
/** The number of different reasons that are reported, so that reasons with counters are no flood. */
const DENIALS = 8;

/** Limits, sender, connection and fallback of a delivery. */
export interface DeliveryOptions extends BatcherOptions {
  readonly maxBufferedRecords: number;
  readonly maxBufferedBytes: number;
  readonly flushTimeoutMs: number;
  readonly sender: Sender;
  readonly fallback: Fallback;
  readonly connect: () => Connection;
}

/**
 * Delivers every record either to the server, until acknowledged, or to the fallback. In between,
 * records are in memory, within limits.
 */
export class Delivery {
  private readonly outbox = new Outbox();
  private readonly batcher: Batcher;
  private readonly link: Link;
  private sequence = 0;
  private isOverflowing = false;
  private isClosed = false;
  /** The reported reasons for refusing the key. */
  private readonly denials = new Set<string>();
  private readonly counts = { received: 0, acknowledged: 0, fellBack: 0, overflowed: 0, refused: 0 };

  constructor(
    private readonly options: DeliveryOptions,
    private readonly emit: Emit,
  ) {
    this.batcher = new Batcher(options, (records) => this.post(records));
    this.link = new Link(options.connect, this.outbox, {
      acknowledged: (batch, rejected) => this.acknowledged(batch, rejected),
      refused: (batch, reason) => this.refuse(decodeRecords(batch.request), reason),
      denied: (reason) => this.denied(reason),
      connected: () => emit('connected'),
      disconnected: (reason, retryInMs) => emit('disconnected', { reason, retryInMs }),
    });
  }

  get counters(): Counters {
    return { ...this.counts, buffered: this.buffered };
  }

  /** Whether nothing is in memory. */
  get isIdle(): boolean {
    return this.buffered === 0;
  }

  accept(record: LogRecord): void {
    this.counts.received += 1;
    if (this.isClosed) return this.fallBack([record]);
    const encoded = encodeRecord(record, this.options.sender);
    if (!this.hasRoomFor(encoded)) return this.overflow(record);
    this.isOverflowing = false;
    this.batcher.add(encoded);
  }

  /** Resolves when all records accepted so far are acknowledged or in the fallback. */
  flush(): Promise<void> {
    this.batcher.flush();
    return this.outbox.settled();
  }

  /** Flushes with a timeout, after which the rest goes to the fallback. Keeps the process alive. */
  async drain(): Promise<void> {
    const flushed = this.flush();
    this.link.connectNow();
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.abandon();
        resolve();
      }, this.options.flushTimeoutMs);
    });
    await Promise.race([flushed, limit]);
    clearTimeout(timer);
    this.link.endIfIdle();
  }

  /** Writes all unacknowledged records to the fallback at once. */
  abandon(): void {
    this.batcher.flush();
    this.link.disconnect();
    for (const batch of this.outbox.settleAll()) this.fallBack(decodeRecords(batch.request));
  }

  /** Drains. Later records go to the fallback. */
  async close(): Promise<void> {
    await this.drain();
    this.isClosed = true;
    this.abandon();
    this.options.fallback.close();
  }

  private get buffered(): number {
    return this.batcher.records + this.outbox.records;
  }

  private hasRoomFor(record: Uint8Array): boolean {
    const { maxBufferedRecords, maxBufferedBytes } = this.options;
    const bytes = this.batcher.bytes + this.outbox.bytes + record.length;
    return this.buffered < maxBufferedRecords && bytes <= maxBufferedBytes;
  }

  private post(records: readonly Uint8Array[]): void {
    this.sequence += 1;
    const { sequence } = this;
    const { sender } = this.options;
    const request = encodeRequest({ batchId: randomBytes(BATCH_ID_BYTES), sender, sequence }, records);
    this.outbox.add({ sequence, request, records: records.length });
    this.link.proceed();
  }

  private acknowledged(batch: Batch, rejected: readonly Rejection[]): void {
    this.counts.acknowledged += batch.records - rejected.length;
    // The key works, so the next refusal is news.
    this.denials.clear();
    if (rejected.length === 0) return;
    const records = decodeRecords(batch.request);
    for (const { index, reason } of rejected) this.refuse(records.slice(index, index + 1), reason);
  }

  private refuse(records: readonly LogRecord[], reason: string): void {
    this.counts.refused += records.length;
    this.fallBack(records);
    this.emit('refused', { reason, records });
  }

  /** Reports a reason once, because the link goes on trying: someone may mend the key. */
  private denied(reason: string): void {
    if (this.denials.has(reason) || this.denials.size >= DENIALS) return;
    this.denials.add(reason);
    const denied = new AccessDenied(`Logboom refuses to take records: ${reason}`);
    // Seen without a listener, too. Neither of the two ends a process.
    process.emitWarning(denied.message, { type: 'LogboomWarning', code: 'LOGBOOM_ACCESS' });
    this.emit('warn', denied);
  }

  private overflow(record: LogRecord): void {
    this.counts.overflowed += 1;
    this.fallBack([record]);
    // Emitted once per overflow, so that a listener that logs does not make it worse.
    if (this.isOverflowing) return;
    this.isOverflowing = true;
    this.emit('overflow', { overflowed: this.counts.overflowed });
  }

  private fallBack(records: readonly LogRecord[]): void {
    this.counts.fellBack += records.length;
    this.options.fallback.write(records);
  }
}
