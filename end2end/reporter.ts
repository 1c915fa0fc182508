// Prints one machine-readable line, `end2end: N passed, N failed, N skipped`, after the reasons of
// skipped tests.
import type { FullResult, Reporter, Suite } from '@playwright/test/reporter';

export default class Counts implements Reporter {
  private suite: Suite | undefined;

  onBegin(_config: unknown, suite: Suite): void {
    this.suite = suite;
  }

  onEnd(_result: FullResult): void {
    const tests = this.suite?.allTests() ?? [];
    for (const test of tests.filter((test) => test.outcome() === 'skipped')) {
      const why = test.annotations.find(({ type }) => type === 'skip')?.description ?? 'no reason was given';
      console.log(`end2end skipped: ${test.title}: ${why}`);
    }
    const outcomes = tests.map((test) => test.outcome());
    const count = (...kinds: string[]) => outcomes.filter((outcome) => kinds.includes(outcome)).length;
    // A test that passes only on a retry counts as a failure.
    const line = `${count('expected')} passed, ${count('unexpected', 'flaky')} failed, ${count('skipped')} skipped`;
    console.log(`end2end: ${line}`);
  }

  printsToStdio(): boolean {
    return true;
  }
}
