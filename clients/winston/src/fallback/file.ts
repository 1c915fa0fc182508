import { appendFileSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { LogRecord } from '../record/record';
import { ConsoleFallback } from './console';
import type { Fallback } from './fallback';
import { lineOf } from './line';

/**
 * A file to which lines of JSON are appended, made at the first of them.
 *
 * Writing is synchronous: a queue in front of the disk would need a bound of its own, and
 * a place for what is past it. Where the file cannot be written, the console takes over.
 */
export class FileFallback implements Fallback {
  private readonly console = new ConsoleFallback();
  private file: number | undefined;
  private hasFailed = false;
  private readonly path: string;

  constructor(path: string) {
    // Now, because the process may change its folder before the first line.
    this.path = resolve(path);
  }

  write(records: readonly LogRecord[]): void {
    try {
      this.file ??= this.open();
      appendFileSync(this.file, records.map((record) => `${lineOf(record)}\n`).join(''));
    } catch (error) {
      if (!this.hasFailed) this.console.say(`logboom-winston: cannot write ${this.path}: ${String(error)}`);
      this.hasFailed = true;
      this.console.write(records);
    }
  }

  close(): void {
    if (this.file === undefined) return;
    try {
      closeSync(this.file);
    } catch {
      // The lines are with the system, which has no more to say about them.
    }
    this.file = undefined;
  }

  private open(): number {
    mkdirSync(dirname(this.path), { recursive: true });
    return openSync(this.path, 'a');
  }
}
