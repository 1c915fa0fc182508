// Names what failed and what passed only when it was run again, then the reasons of skipped tests, and prints one
// machine-readable line, `end2end: N passed, N failed, N skipped`. scripts/test.sh repeats the names in its last lines.
import { relative } from 'node:path';
import type { FullResult, Reporter, Suite, TestCase, TestError } from '@playwright/test/reporter';

/** The most characters of a reason. */
const REASON_CHARACTERS = 200;
const COLOURS = /\u001b\[[0-9;]*m/g;

export default class Counts implements Reporter {
  private suite: Suite | undefined;
  /** Errors outside of tests, such as those of a spec that does not load. */
  private readonly errors: TestError[] = [];

  onBegin(_config: unknown, suite: Suite): void {
    this.suite = suite;
  }

  onError(error: TestError): void {
    this.errors.push(error);
  }

  onEnd(_result: FullResult): void {
    const tests = this.suite?.allTests() ?? [];
    const of = (...kinds: string[]) => tests.filter((test) => kinds.includes(test.outcome()));
    for (const error of this.errors) console.log(`end2end failed: outside of a test: ${reason([error])}`);
    for (const test of of('unexpected')) console.log(`end2end failed: ${named(test)}`);
    for (const test of of('flaky')) console.log(`passed only when run again: ${named(test)}`);
    for (const test of of('skipped')) {
      const why = test.annotations.find(({ type }) => type === 'skip')?.description ?? 'no reason was given';
      console.log(`end2end skipped: ${test.title}: ${why}`);
    }
    // A test that passes when it is run again has passed. It is named above.
    const line = `${of('expected', 'flaky').length} passed, ${of('unexpected').length} failed, ${of('skipped').length} skipped`;
    console.log(`end2end: ${line}`);
  }

  printsToStdio(): boolean {
    return true;
  }
}

/** The place of a test, its title, and why it failed at first. */
function named(test: TestCase): string {
  const [, project, , ...titles] = test.titlePath();
  const errors = test.results.find((result) => result.errors.length > 0)?.errors ?? [];
  return `${place(test.location)} › [${project}] ${titles.join(' › ')}: ${reason(errors)}`;
}

const place = ({ file, line }: { file: string; line: number }) => `${relative(import.meta.dirname, file)}:${line}`;

/** The first lines of the errors. A timeout has one of its own, before that of what was waited for. */
function reason(errors: TestError[]): string {
  const lines = errors.map(({ message, value }) => (message ?? value ?? '').replace(COLOURS, '').trim().split('\n')[0]!);
  const text = lines.filter(Boolean).join('; ').slice(0, REASON_CHARACTERS) || 'no error was given';
  const at = errors.find(({ location }) => location)?.location;
  return at ? `${text} (${place(at)})` : text;
}
