// Runs the snippets of the documentation and the dashboard, file by file, with the address of a
// test server in place of the default.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordView } from '../fixtures/api.ts';
import { Docker } from '../fixtures/docker.ts';
import { Doors } from '../fixtures/doors.ts';
import { until } from '../fixtures/process.ts';
import { Rsyslog } from '../fixtures/rsyslog.ts';
import { folder, isProgram, nameOf, run, runSnippet } from '../fixtures/snippets.ts';
import { expect, test } from '../fixtures/test.ts';

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

/** Waits for the record that a snippet sends, possibly several. */
async function logged(message: string, times = 1): Promise<void> {
  const sent = (record: RecordView) => record.message === message;
  const found = async () => (await doors.api.logs(`service:shop "${message}"`)).filter(sent);
  await until('the record is stored', async () => (await found()).length >= times);
  expect(await found()).toHaveLength(times);
}

for (const file of readdirSync(folder).filter(isProgram)) {
  test(`${file} logs`, async ({}, testInfo) => {
    await runSnippet(file, own(file), doors.program, testInfo);
    await logged(`hello from ${nameOf(file)}`);
  });
}

for (const file of readdirSync(folder).filter((file) => file.endsWith('.conf'))) {
  test(`${file} logs`, async () => {
    const name = nameOf(file);
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
  test.slow();
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
  const others = readdirSync(folder).filter((file) => !isProgram(file) && !file.endsWith('.conf'));
  expect(others.sort()).toEqual(['docker.sh', elsewhere]);
});
