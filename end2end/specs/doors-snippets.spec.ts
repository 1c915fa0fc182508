// Runs the snippets of the documentation and the dashboard, file by file, with the address of a
// test server in place of the default.
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, delimiter, extname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { RecordView } from '../fixtures/api.ts';
import { interpreter } from '../fixtures/clients.ts';
import { Docker } from '../fixtures/docker.ts';
import { Doors } from '../fixtures/doors.ts';
import { until } from '../fixtures/process.ts';
import { Rsyslog } from '../fixtures/rsyslog.ts';
import { expect, test } from '../fixtures/test.ts';

const folder = resolve(import.meta.dirname, '../../docs/snippets');
// Compiled and run by the tests of its crate.
const elsewhere = 'tracing.rs';

let doors: Doors;
test.beforeAll(async ({ engines }) => {
  doors = await Doors.start(engines);
});
test.afterAll(async () => doors.remove());

/** The text of a snippet, adapted to the test server. */
function own(file: string): string {
  const { program, ports } = doors;
  const places: Record<string, number> = {
    3000: program.port, 4317: program.grpcPort, 4318: ports.otlp,
    9040: ports.tcp, 5514: ports.syslog, 12201: ports.gelf, 24224: ports.fluent,
  };
  return readFileSync(join(folder, file), 'utf8').replace(/\b\d{4,5}\b/g, (port) => String(places[port] ?? port));
}

const run = (program: string, args: string[], environment: NodeJS.ProcessEnv = {}) =>
  promisify(execFile)(program, args, { timeout: 60_000, env: { ...process.env, ...environment } });

/** Waits for the record that a snippet sends, possibly several. */
async function logged(message: string, times = 1): Promise<void> {
  const sent = (record: RecordView) => record.message === message;
  const found = async () => (await doors.api.logs(`service:shop "${message}"`)).filter(sent);
  await until('the record is stored', async () => (await found()).length >= times, 15);
  expect(await found()).toHaveLength(times);
}

const withoutFixture = (file: string) => /\.(sh|py|mjs|go)$/.test(file) && file !== 'docker.sh';
for (const file of readdirSync(folder).filter(withoutFixture)) {
  test(`${file} logs`, async ({}, testInfo) => {
    const name = basename(file, extname(file));
    // Beside our modules, where Node.js resolves them.
    const path = testInfo.outputPath(file);
    writeFileSync(path, own(file));
    if (file.endsWith('.sh')) {
      const bin = testInfo.outputPath('bin');
      mkdirSync(bin);
      writeFileSync(join(bin, 'my-program'), `#!/bin/sh\necho hello from ${name}\n`);
      chmodSync(join(bin, 'my-program'), 0o755);
      await run('bash', [path], { PATH: [bin, doors.program.bin, process.env.PATH].join(delimiter) });
    } else if (file.endsWith('.go')) {
      await run('go', ['run', path]);
    } else {
      await run(interpreter(file), [path]);
    }
    await logged(`hello from ${name}`);
  });
}

for (const file of readdirSync(folder).filter((file) => file.endsWith('.conf'))) {
  test(`${file} logs`, async () => {
    const name = basename(file, extname(file));
    const rsyslog = await Rsyslog.start(own(file));
    try {
      const to = ['--server', '127.0.0.1', '--port', String(rsyslog.port), '--udp', '--rfc3164', '--tag', 'shop'];
      await run('logger', [...to, `hello from ${name}`]);
      await logged(`hello from ${name}`);
    } finally {
      await rsyslog.stop();
    }
  });
}

test('docker.sh logs, by three drivers', async ({}, testInfo) => {
  const docker = await Docker.start();
  test.skip(typeof docker === 'string', String(docker));
  if (typeof docker === 'string') return;
  try {
    await docker.image('alpine');
    const path = testInfo.outputPath('docker.sh');
    writeFileSync(path, own('docker.sh'));
    await run('bash', [path], docker.environment);
    await logged('hello from docker', 3);
  } finally {
    await docker.stop();
  }
});

test('each snippet is run by a test', () => {
  const others = readdirSync(folder).filter((file) => !withoutFixture(file) && !file.endsWith('.conf'));
  expect(others.sort()).toEqual(['docker.sh', elsewhere]);
});
