import { Console } from 'node:console';
import type { LogRecord } from '../record/record';
import type { Fallback } from './fallback';
import { lineOf } from './line';

/**
 * Standard error, one line of JSON a record: standard output may be what the program is run for.
 *
 * A console of its own, because many services lead the global one into their logger, and
 * so would come back here.
 */
export class ConsoleFallback implements Fallback {
  private readonly console = new Console(process.stderr);

  write(records: readonly LogRecord[]): void {
    for (const record of records) this.console.log('%s', lineOf(record));
  }

  /** Says something that is no record. */
  say(text: string): void {
    this.console.log('%s', text);
  }

  close(): void {}
}
