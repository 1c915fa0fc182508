/** Records under one id, encoded once: they are sent again byte for byte. */
export interface Batch {
  /** Grows by one from batch to batch. */
  readonly sequence: number;
  readonly request: Uint8Array;
  readonly records: number;
}

interface Entry {
  readonly batch: Batch;
  /** On the stream that is open now, and not answered. */
  isSent: boolean;
}

interface Waiter {
  readonly upTo: number;
  readonly resolve: () => void;
}

/** The batches that are not settled: acknowledged, refused or given up. In order of their sequence. */
export class Outbox {
  private readonly entries = new Map<number, Entry>();
  private newest = 0;
  private sent = 0;
  private recordsHeld = 0;
  private bytesHeld = 0;
  private waiters: Waiter[] = [];

  /** Batches on their way. */
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

  /** The oldest batch that is not on its way, which it is from now on. */
  takeUnsent(): Batch | undefined {
    // Those that are sent stand in front, and are no more than the server's window.
    for (const entry of this.entries.values()) {
      if (entry.isSent) continue;
      entry.isSent = true;
      this.sent += 1;
      return entry.batch;
    }
    return undefined;
  }

  /** The batch is to be sent again. */
  unsend(sequence: number): void {
    const entry = this.entries.get(sequence);
    if (!entry?.isSent) return;
    entry.isSent = false;
    this.sent -= 1;
  }

  /** Everything is to be sent again: the stream is gone. */
  unsendAll(): void {
    for (const entry of this.entries.values()) entry.isSent = false;
    this.sent = 0;
  }

  /** Lets go of a batch; `undefined` where it is not here, or not any more. */
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

  /** Lets go of all batches. */
  settleAll(): Batch[] {
    return [...this.entries.keys()].flatMap((sequence) => this.settle(sequence) ?? []);
  }

  /** Resolves when every batch that is here now is settled. */
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
