// What was deleted is in no file of the data folder.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Api, unique } from '../fixtures/api.ts';
import { python } from '../fixtures/clients.ts';
import { count, Deletions } from '../fixtures/deletions.ts';
import { until } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

/** All files below a folder. */
function files(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    // One may go while they are listed.
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
}

/** What is in a file, which a running server may remove. */
function content(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (failure) {
    if (existsSync(path)) throw failure;
    return Buffer.alloc(0);
  }
}

/** The rows of Parquet files. */
const ROWS = `
import duckdb, sys
for path in sys.argv[1:]:
    for row in duckdb.execute("select columns(*)::varchar from read_parquet(?)", [path]).fetchall():
        print(row)
`;

test('the word of a deleted record is in no file of the data folder', async () => {
  const program = await Program.start({});
  const api = new Api(program.url);
  const deletions = new Deletions(api);
  const [doomed, kept] = [unique('folder'), unique('folder-kept')];
  const [secret, other] = [unique('swordfish'), unique('visible')];
  const word = (message: string) => ({ message: `the word ${message}`, [`${message}.key`]: message });
  try {
    await api.store(...Array.from({ length: 500 }, () => ({ service: doomed, ...word(secret) })));
    await api.store(...Array.from({ length: 500 }, () => ({ service: kept, ...word(other) })));
    // Some in files, some in memory and in the log.
    await program.stop();
    await program.start();
    await api.push(...Array.from({ length: 500 }, () => ({ service: doomed, ...word(secret) })));
    await until('all are stored', async () => (await count(api, `service:${doomed}`)) === 1000);
    // The query does not contain the word: deletions are listed with their queries.
    expect(await deletions.ends(await deletions.begin({ query: `service:${doomed}` }))).toMatchObject({ state: 'done', removed: 1000 });
    for (const isRunning of [true, false]) {
      if (!isRunning) await program.stop();
      let rows = '';
      await until('the parts are read', async () => {
        const parts = files(program.file('data')).filter((path) => path.endsWith('.parquet'));
        try {
          rows = await program.run(python, '-c', ROWS, ...parts);
          return true;
        } catch (failure) {
          // A running server merges parts, which then are others.
          if (!isRunning || parts.every((path) => existsSync(path))) throw failure;
          return false;
        }
      });
      expect(rows).toContain(other);
      expect(rows).not.toContain(secret);
      for (const path of files(program.file('data'))) expect(content(path).includes(secret), path).toBe(false);
    }
  } finally {
    await program.remove();
  }
});
