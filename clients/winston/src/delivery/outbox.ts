/** Records under one batch id, encoded once: a resend has the same bytes. */
export interface Batch {
  /** Increases by one per batch. */
  readonly sequence: number;
  readonly request: Uint8Array;
  readonly records: number;
}

interface Entry {
  readonly batch: Batch;
  /** Sent on the current stream and not answered. */
  isSent: boolean;
}

interface Waiter {
  readonly upTo: number;
  readonly resolve: () => void;
}

/** The batches that are not settled (acknowledged, refused or given up), ordered by sequence. */
export class Outbox {
  private readonly entries = new Map<number, Entry>();
  private newest = 0;
  private sent = 0;
  private recordsHeld = 0;
  private bytesHeld = 0;
  private waiters: Waiter[] = [];

  /** The number of batches in flight. */
  get inFlight(): number {
    return this.sent;
  }

  get hasUnsent(): boolean {
    return this.sent < this.entries.size;
  }

  get records(): number {
    return this.recordsHeld;
  }

  get bytes(): number {
    return this.bytesHeld;
  }

  add(batch: Batch): void {
    this.entries.set(batch.sequence, { batch, isSent: false });
    this.newest = batch.sequence;
    this.recordsHeld += batch.records;
    this.bytesHeld += batch.request.length;
  }

  /** Marks the oldest unsent batch as sent and returns it. */
  takeUnsent(): Batch | undefined {
    // Sent batches come first, and are at most the server's window.
    for (const entry of this.entries.values()) {
      if (entry.isSent) continue;
      entry.isSent = true;
      this.sent += 1;
      return entry.batch;
    }
    return undefined;
  }

  /** Marks a batch to be resent. */
  unsend(sequence: number): void {
    const entry = this.entries.get(sequence);
    if (!entry?.isSent) return;
    entry.isSent = false;
    this.sent -= 1;
  }

  /** Marks all batches to be resent, because the stream is lost. */
  unsendAll(): void {
    for (const entry of this.entries.values()) entry.isSent = false;
    this.sent = 0;
  }

  /** Removes a batch and returns it; `undefined` if it is not here. */
  settle(sequence: number): Batch | undefined {
    const entry = this.entries.get(sequence);
    if (!entry) return undefined;
    this.entries.delete(sequence);
    if (entry.isSent) this.sent -= 1;
    this.recordsHeld -= entry.batch.records;
    this.bytesHeld -= entry.batch.request.length;
    this.tellWaiters();
    return entry.batch;
  }

  /** Removes all batches. */
  settleAll(): Batch[] {
    return [...this.entries.keys()].flatMap((sequence) => this.settle(sequence) ?? []);
  }

  /** Resolves when all current batches are settled. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.waiters.push({ upTo: this.newest, resolve });
      this.tellWaiters();
    });
  }

  private tellWaiters(): void {
    if (this.waiters.length === 0) return;
    const [oldest = Infinity] = this.entries.keys();
    const waiting = this.waiters;
    this.waiters = waiting.filter(({ upTo }) => upTo >= oldest);
    for (const { upTo, resolve } of waiting) if (upTo < oldest) resolve();
  }
}
