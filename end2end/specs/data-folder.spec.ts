// The data folder of the embedded engines is open: the examples of its documentation are run
// unchanged while the server runs.
import { cpSync, openSync, readFileSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Api, stored } from '../fixtures/api.ts';
import { Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

const document = readFileSync(resolve(import.meta.dirname, '../../docs/data-folder.md'), 'utf8');
const examples = [...document.matchAll(/## With (\w+)\n+```python\n([^]*?)```/g)];
const python = process.env.LOGBOOM_PYTHON ?? 'python3';

let program: Program;

test.beforeAll(async () => {
  program = await Program.start({});
  const api = new Api(program.url);
  await api.push(
    { service: 'checkout', level: 'error', message: 'declined', duration_ms: 120 },
    { service: 'checkout', level: 'fatal', message: 'gone', duration_ms: 840, card: 'visa' },
    { service: 'search', level: 'error', message: 'slow', duration_ms: 7 },
    { service: 'search', level: 'info', message: 'fine', duration_ms: 9000 },
  );
  for (const service of ['checkout', 'search']) await stored(api, service, 2);
  // Stopping flushes memory; the examples then run beside the running server.
  await program.stop();
  await program.start();
});

test.afterAll(async () => program.remove());

test('the document has an example for each reader', () => {
  expect(examples.map(([, reader]) => reader)).toEqual(['DuckDB', 'Polars']);
});

for (const [, reader, code] of examples) {
  test(`the example for ${reader} reads the folder while the server runs`, async () => {
    const printed = await program.run(python, '-c', code!);
    expect(printed).toContain("('checkout', 2, 840)");
    expect(printed).toContain("('search', 1, 7)");
  });
}

test('check finds a folder good, and says which part is damaged', async () => {
  expect(await program.run('logboom', 'check')).toContain('are good');
  const copy = program.file('copy');
  // Node.js copies no sockets.
  await expect(async () => {
    // The running server may remove a file while it is copied.
    rmSync(copy, { recursive: true, force: true });
    cpSync(program.file('data'), copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
  }).toPass({ timeout: 60_000 });
  const part = readdirSync(join(copy, 'parts'), { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('.parquet'))!;
  // The file starts with `PAR1`, followed by column data.
  writeSync(openSync(join(copy, 'parts', part), 'r+'), 'damage, no doubt of it', 40);
  await expect(program.run('logboom', 'check', '--data', copy)).rejects.toMatchObject({ stdout: expect.stringContaining(part) });
  await expect(program.run('logboom', 'check', '--data', program.file('nowhere'))).rejects.toThrow(/no data folder/);
});
