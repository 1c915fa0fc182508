// The process that supervises workers hands secrets on, and not on their command lines.
import { readFileSync } from 'node:fs';
import { children, until } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { commandLines, expectNone } from '../fixtures/traces.ts';
import { expect, test } from '../fixtures/test.ts';

test('secrets of the environment are on no command line, of the supervisor or of a worker', async ({ engines }) => {
  const program = await Program.unstarted(engines, '--workers', '2', '--log', 'debug');
  const secrets = { 'the password in a URL': 'unmistakable-in-a-url', 'the token of a variable': 'unmistakable-of-a-variable' };
  program.environment.LOGBOOM_SINK = `url=http://kim:${secrets['the password in a URL']}@127.0.0.1:1/a\ntoken=http://127.0.0.1:1/b`;
  program.environment.LOGBOOM_SINK_TOKEN_TOKEN = secrets['the token of a variable'];
  try {
    await program.start();
    await until('both workers run', async () => children(program.pid).length === 2);
    const lines = commandLines();
    for (const pid of [program.pid, ...children(program.pid)]) {
      expect(lines.map(([place]) => place)).toContain(`the command line of ${pid}`);
    }
    // The secret by which workers call each other is in their environment, which their own user alone reads.
    const inherited = readFileSync(`/proc/${children(program.pid)[0]}/environ`, 'latin1').split('\0');
    const own = inherited.find((line) => line.startsWith('LOGBOOM_INTERNAL_SECRET='))!.split('=')[1]!;
    const metrics = await (await fetch(`${program.url}/metrics`)).text();
    await program.stop();
    const places = [...lines, ['the log', readFileSync(program.logFile, 'latin1')] as [string, string], ['the metrics', metrics] as [string, string]];
    expectNone({ ...secrets, 'the secret of the workers': own }, places);
  } finally {
    await program.remove();
  }
});
