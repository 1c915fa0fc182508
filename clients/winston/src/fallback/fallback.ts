import type { LogRecord } from '../record/record';

/**
 * Where records go that cannot go to the server. Writes at once and never throws: it is
 * called at the very end of a process, and in the middle of others' work.
 */
export interface Fallback {
  write(records: readonly LogRecord[]): void;
  close(): void;
}
