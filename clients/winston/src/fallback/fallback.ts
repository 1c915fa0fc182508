import type { LogRecord } from '../record/record';

/**
 * The destination of records that cannot be sent. Writes synchronously and never throws: it is
 * called at the end of the process and within other code.
 */
export interface Fallback {
  write(records: readonly LogRecord[]): void;
  close(): void;
}
