import type { Fallback } from './fallback';

/** Drops records. The transport's counters include them. */
export class DropFallback implements Fallback {
  write(): void {}

  close(): void {}
}
