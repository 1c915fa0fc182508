import { appendFileSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { LogRecord } from '../record/record';
import { ConsoleFallback } from './console';
import type { Fallback } from './fallback';
import { lineOf } from './line';

/**
 * Appends lines of JSON to a file, which is created for the first one. Writing is synchronous,
 * because a queue would need its own limit and overflow handling. If the file cannot be written,
 * the console is used.
 */
export class FileFallback implements Fallback {
  private readonly console = new ConsoleFallback();
  private file: number | undefined;
  private hasFailed = false;
  private readonly path: string;

  constructor(path: string) {
    // Resolved now, because the process may change its working directory.
    this.path = resolve(path);
  }

  write(records: readonly LogRecord[]): void {
    try {
      this.file ??= this.open();
      appendFileSync(this.file, records.map((record) => `${lineOf(record)}\n`).join(''));
    } catch (error) {
      if (!this.hasFailed) this.console.notice(`logboom-winston: cannot write ${this.path}: ${String(error)}`);
      this.hasFailed = true;
      this.console.write(records);
    }
  }

  close(): void {
    if (this.file === undefined) return;
    try {
      closeSync(this.file);
    } catch {
      // The lines are written; an error of close has no consequence.
    }
    this.file = undefined;
  }

  private open(): number {
    mkdirSync(dirname(this.path), { recursive: true });
    return openSync(this.path, 'a');
  }
}
