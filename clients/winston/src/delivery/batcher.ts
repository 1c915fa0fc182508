import { BATCH_BYTES } from '../limits';

/** When a batch is complete. */
export interface BatcherOptions {
  readonly batchRecords: number;
  readonly batchDelayMs: number;
}

/** Gathers encoded records until a batch is full or its delay is over. */
export class Batcher {
  private gathered: Uint8Array[] = [];
  private size = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly options: BatcherOptions,
    private readonly seal: (records: readonly Uint8Array[]) => void,
  ) {}

  get records(): number {
    return this.gathered.length;
  }

  get bytes(): number {
    return this.size;
  }

  add(record: Uint8Array): void {
    if (this.size + record.length > BATCH_BYTES) this.flush();
    this.gathered.push(record);
    this.size += record.length;
    if (this.gathered.length >= this.options.batchRecords) return this.flush();
    // Does not keep the process alive: the exit handler flushes.
    this.timer ??= setTimeout(() => this.flush(), this.options.batchDelayMs).unref();
  }

  /** Completes a batch from the gathered records, if any. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.gathered.length === 0) return;
    const records = this.gathered;
    this.gathered = [];
    this.size = 0;
    this.seal(records);
  }
}
