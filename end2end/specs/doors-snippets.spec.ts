// What the documentation and the dashboard offer to be pasted is run, file by file, with
// the addresses of a server of its own in the place of the default ones.
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, delimiter, extname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { RecordView } from '../fixtures/api.ts';
import { interpreter } from '../fixtures/clients.ts';
import { Doors } from '../fixtures/doors.ts';
import { until } from '../fixtures/process.ts';
import { Rsyslog } from '../fixtures/rsyslog.ts';
import { expect, test } from '../fixtures/test.ts';

const folder = resolve(import.meta.dirname, '../../docs/snippets');
const leftOut: Record<string, string> = {
  'docker.sh': 'needs a Docker daemon, and an image from its registry',
  'grpc.sh': 'needs grpcurl, which no registry that we use has',
  'go.go': 'needs Go, which nothing else here does',
  'tracing.rs': 'has to be compiled, with the crate that it shows',
};

let doors: Doors;
test.beforeAll(async ({ engines }) => {
  doors = await Doors.start(engines);
});
test.afterAll(async () => doors.remove());

/** The text of a snippet, for our own server. */
function own(file: string): string {
  const { program, ports } = doors;
  const places: Record<string, number> = {
    3000: program.port, 4317: program.grpcPort, 4318: ports.otlp,
    9040: ports.tcp, 5514: ports.syslog, 12201: ports.gelf, 24224: ports.fluent,
  };
  return readFileSync(join(folder, file), 'utf8').replace(/\b\d{4,5}\b/g, (port) => String(places[port] ?? port));
}

const run = (program: string, file: string, path = process.env.PATH!) =>
  promisify(execFile)(program, [file], { timeout: 30_000, env: { ...process.env, PATH: path } });

for (const file of readdirSync(folder).filter((file) => !(file in leftOut))) {
  test(`${file} logs`, async ({}, testInfo) => {
    const name = basename(file, extname(file));
    // Beside our own modules, which a file of Node.js finds from there.
    const path = testInfo.outputPath(file);
    writeFileSync(path, own(file));
    const rsyslog = file.endsWith('.conf') ? await Rsyslog.start(own(file)) : undefined;
    try {
      if (rsyslog) {
        const to = ['--server', '127.0.0.1', '--port', String(rsyslog.port), '--udp', '--rfc3164', '--tag', 'shop'];
        await promisify(execFile)('logger', [...to, `hello from ${name}`]);
      } else if (file.endsWith('.sh')) {
        const bin = testInfo.outputPath('bin');
        mkdirSync(bin);
        writeFileSync(join(bin, 'my-program'), `#!/bin/sh\necho hello from ${name}\n`);
        chmodSync(join(bin, 'my-program'), 0o755);
        await run('bash', path, [bin, doors.program.bin, process.env.PATH].join(delimiter));
      } else {
        await run(interpreter(file), path);
      }
      const sent = ({ message }: RecordView) => message === `hello from ${name}`;
      const found = async () => (await doors.api.logs(`service:shop "hello from ${name}"`)).filter(sent);
      await until('the record is stored', async () => (await found()).length > 0, 15);
      expect(await found()).toHaveLength(1);
    } finally {
      await rsyslog?.stop();
    }
  });
}
