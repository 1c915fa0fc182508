// Runs the curl commands of README.md in their order, with the address of a private server in place of the default.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Api, type Page, type RecordView, unique } from '../fixtures/api.ts';
import { end, until } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

/** The fenced blocks of shell commands, one command per entry. */
function shellCommands(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^```(?:sh|bash|shell)\n(.*?)^```/gms)].map((block) => block[1]!);
  return blocks.flatMap((block) => block.replaceAll('\\\n', ' ').split('\n')).map((line) => line.trim());
}

const readme = readFileSync(resolve(import.meta.dirname, '../../README.md'), 'utf8');
const curls = shellCommands(readme).filter((command) => /\bcurl\s/.test(command));
const pushes = (command: string) => command.includes('/api/v1/push');
const searches = (command: string) => command.includes('/api/v1/logs');
/** A command that shows server-sent events until it is stopped. */
const streams = (command: string) => /\s(-[a-zA-Z]*N[a-zA-Z]*|--no-buffer)\s/.test(command);

/** Starts a command; `options` are added to those of curl. */
function start(command: string, program: Program, ...options: string[]): { child: ChildProcess; output: () => string } {
  const own = command.replace(/\b(127\.0\.0\.1|localhost):3000\b/g, `127.0.0.1:${program.port}`);
  expect(own, 'it calls the default address').not.toBe(command);
  expect(own, 'curl is its only program').toMatch(/^curl\s/);
  // With --fail-with-body, an HTTP status of 400 or more is an exit code.
  const words = ['exec curl --disable --noproxy "*" --fail-with-body -sS', ...options];
  const child = spawn('bash', ['-c', own.replace(/^curl/, words.join(' '))], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  return { child, output: () => output };
}

/** Runs a command to its end. Returns the body, after checking exit code and HTTP status. */
async function run(command: string, program: Program): Promise<string> {
  const { child, output } = start(command, program, "--write-out '\\n%{http_code}'");
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code, `${command}: ${output()}`).toBe(0);
  const [, body, status] = /^(.*)\n(\d+)$/s.exec(output()) ?? [];
  expect(status, `${command}: ${output()}`).toMatch(/^2\d\d$/);
  return body!;
}

/** Runs a command until its first event. */
async function firstEvent(command: string, program: Program, api: Api): Promise<void> {
  const { child, output } = start(command, program);
  try {
    await until('the first event', async () => {
      expect(child.exitCode, `${command}: ${output()}`).toBeNull();
      // A tail shows what is stored after it has begun.
      await api.push({ service: unique('readme'), level: 'error', message: 'for the tail' });
      return /^data:.*for the tail/m.test(output());
    }, 120, 250);
  } finally {
    await end(child, 'SIGTERM');
  }
}

test('the curl commands of the README work as they are', async ({ engines }) => {
  for (const kind of [pushes, searches, streams]) {
    expect(curls.filter(kind), `README.md has curl commands: ${kind.name}`).not.toEqual([]);
  }
  const program = await Program.start(engines);
  try {
    const api = new Api(program.url);
    let pushed = 0;
    for (const command of curls) {
      await test.step(command, async () => {
        if (streams(command)) {
          await firstEvent(command, program, api);
        } else if (pushes(command)) {
          const { accepted } = JSON.parse(await run(command, program));
          expect(accepted).toBeGreaterThan(0);
          pushed += accepted;
        } else if (searches(command)) {
          const wasPushed = ({ message }: RecordView) => curls.filter(pushes).join().includes(JSON.stringify(message));
          const found = async () => (JSON.parse(await run(command, program)) as Page).records.filter(wasPushed);
          // An acknowledged record is stored a little later.
          await until('the search finds what was pushed', async () => (await found()).length >= pushed, 120, 200);
        } else {
          await run(command, program);
        }
      });
    }
    expect(pushed).toBeGreaterThan(0);
  } finally {
    await program.remove();
  }
});
