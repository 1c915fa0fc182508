import type { Fallback } from './fallback';

/** Nowhere. The transport's counters tell how many. */
export class DropFallback implements Fallback {
  write(): void {}

  close(): void {}
}
