import { Console } from 'node:console';
import type { LogRecord } from '../record/record';
import type { Fallback } from './fallback';
import { lineOf } from './line';

/**
 * Writes one line of JSON per record to standard error, because standard output may be the
 * program's result. It uses its own console, because many services redirect the global one to their
 * logger, which would cause a loop.
 */
export class ConsoleFallback implements Fallback {
  private readonly console = new Console(process.stderr);

  write(records: readonly LogRecord[]): void {
    for (const record of records) this.console.log('%s', lineOf(record));
  }

  /** Writes a notice that is not a record. */
  notice(text: string): void {
    this.console.log('%s', text);
  }

  close(): void {}
}
