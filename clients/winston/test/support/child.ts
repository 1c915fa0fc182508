// A service in its own process.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** The exit status of a child, and its output. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The timeout after which a child counts as hanging. */
const LIMIT_MS = 60_000;

/** Runs `test/children/<name>` to its end, with options as JSON. */
export async function run(name: string, options: object): Promise<Ended> {
  const script = join(__dirname, '..', 'children', `${name}.js`);
  const child = spawn(process.execPath, [script, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const [[code, signal], stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, signal, stdout, stderr };
}
