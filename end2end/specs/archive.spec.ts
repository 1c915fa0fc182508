// The archive of closed days: written by the real program, verified and read by the commands of its document.
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Api, daysAgo, metric, unique } from '../fixtures/api.ts';
import { until } from '../fixtures/process.ts';
import { type Engines, Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

const document = readFileSync(resolve(import.meta.dirname, '../../docs/archive.md'), 'utf8');
const commands = [...document.matchAll(/^logboom (.*)$/gm)].map(([, command]) => command!.split(' '));
const example = /```python\n([^]*?)```/.exec(document)![1]!;
const python = process.env.LOGBOOM_PYTHON ?? 'python3';
const DOCUMENTED = '/var/lib/logboom-archive';

const folder = (program: Program) => program.file('archive');
const url = (program: Program) => `file://${folder(program)}`;

/** The documented text for this program's archive, and a day that it has. */
const own = (program: Program, text: string) =>
  text.replaceAll(DOCUMENTED, folder(program)).replaceAll('2026-11-21', daysAgo(1));

/** Starts a server with the documented options that looks every second. */
async function archiving(engines: Engines): Promise<Program> {
  const program = await Program.unstarted(engines);
  const serve = commands.find(([command]) => command === 'serve')!;
  program.add(...serve.slice(1).map((option) => own(program, option)), '--archive-every', '1s', '--archive-grace', '0s');
  await program.start();
  return program;
}

/** `count` records of a service on each of these days. */
async function push(api: Api, service: string, days: number[], count: number, text = 'order'): Promise<void> {
  for (const day of days) {
    const record = (_: unknown, n: number) => ({ service, message: `${text} ${n}`, time: `${daysAgo(day)}T12:00:00Z` });
    await api.push(...Array.from({ length: count }, record));
  }
}

/** The number of archived records of a service, per day. */
async function archived(program: Program, service: string): Promise<Record<string, number>> {
  if (!existsSync(folder(program))) return {};
  const manifests = readdirSync(folder(program)).filter((day) => existsSync(join(folder(program), day, 'manifest.json')));
  const parts = manifests.flatMap((day) => {
    const manifest = JSON.parse(readFileSync(join(folder(program), day, 'manifest.json'), 'utf8'));
    return manifest.parts.map(({ name }: { name: string }) => join(folder(program), day, name));
  });
  if (parts.length === 0) return {};
  const query = `select strftime(time at time zone 'UTC', '%Y-%m-%d'), count(distinct message)::int, count(*)::int
    from read_parquet(${JSON.stringify(parts).replaceAll('"', "'")}, union_by_name=true)
    where service = '${service}' group by 1`;
  const code = `import duckdb, json; print(json.dumps(duckdb.sql("""${query}""").fetchall()))`;
  const rows = JSON.parse(await program.run(python, '-c', code)) as [string, number, number][];
  for (const [, distinct, all] of rows) expect(all, 'no record is archived twice').toBe(distinct);
  return Object.fromEntries(rows.map(([day, , all]) => [day, all]));
}

test('closed days are archived with late records, and the documented commands list, verify and read them', async ({
  engines,
}) => {
  const service = unique('archive');
  const program = await archiving(engines);
  try {
    const api = new Api(program.url);
    await push(api, service, [0, 1, 3], 50);
    const expected = { [daysAgo(1)]: 50, [daysAgo(3)]: 50 };
    // A new version of a day may replace the files that are being read.
    const found = () => archived(program, service).catch(String);
    await expect.poll(found, { timeout: 120_000 }).toEqual(expected);
    await push(api, service, [3], 20, 'late');
    await expect.poll(found, { timeout: 120_000 }).toEqual({ ...expected, [daysAgo(3)]: 70 });

    const outputs: Record<string, string> = {};
    for (const command of commands.filter(([command]) => command === 'archive')) {
      outputs[command.join(' ')] = await program.run('logboom', ...command.map((word) => own(program, word)));
    }
    const [list, check, one] = Object.values(outputs);
    expect(list).toMatch(new RegExp(`^${daysAgo(1)}\\t\\d+ records in \\d+ parts?, \\d+ bytes\\tversion \\d+\\t20`, 'm'));
    expect(list).toMatch(new RegExp(`^${daysAgo(3)}\\t.*\\tversion [2-9]`, 'm'));
    expect(check).toMatch(new RegExp(`^${daysAgo(3)}\\tgood\\t`, 'm'));
    expect(one!.trim().split('\n')).toEqual([expect.stringContaining(`${daysAgo(1)}\tgood\t`)]);
    expect(await program.run(python, '-c', own(program, example))).toContain(`('${service}', 120)`);

    expect(await metric(program.url, 'logboom_archive_up')).toBe(1);
    expect(await metric(program.url, 'logboom_archive_records_total')).toBeGreaterThanOrEqual(120);
    const last = await metric(program.url, 'logboom_archive_last_day_timestamp_seconds');
    expect(new Date(last * 1000).toISOString().slice(0, 10)).toBe(daysAgo(1));
  } finally {
    await program.remove();
  }
});

test('a server that is killed while it archives leaves no half day, and archives the rest after a restart', async ({
  engines,
}) => {
  const service = unique('archive-kill');
  const days = [1, 2, 3, 4, 5, 6];
  const program = await Program.unstarted(engines);
  await program.start();
  try {
    // The archive is off while the records come, so that the next start has much to do.
    const api = new Api(program.url);
    await push(api, service, days, 3000);
    await until('all are stored', async () => {
      const answer = await api.get('/api/v1/count', { query: `service:${service}`, from: '1970-01-01T00:00:00Z' });
      return ((await answer.json()) as { count: number }).count === days.length * 3000;
    });
    await program.stop();
    program.add('--archive', url(program), '--archive-every', '1s', '--archive-grace', '0s');

    const files = () => (existsSync(folder(program)) ? readdirSync(folder(program), { recursive: true }) : []) as string[];
    for (let kill = 1; kill <= 3; kill += 1) {
      const before = files().filter((file) => file.includes('parquet')).length;
      await program.start();
      // A machine that is busy elsewhere may see it only when all is written.
      const isDone = () => days.every((day) => files().includes(join(daysAgo(day), 'manifest.json')));
      await until('it writes another part', async () => isDone() || files().filter((file) => file.includes('parquet')).length > before, 120, 2);
      await program.kill();
      // Each day that has a manifest is whole.
      for (const [, count] of Object.entries(await archived(program, service))) expect(count).toBe(3000);
    }
    await program.start();
    const expected = Object.fromEntries(days.map((day) => [daysAgo(day), 3000]));
    await expect.poll(() => archived(program, service).catch(String), { timeout: 120_000 }).toEqual(expected);
    expect(await program.run('logboom', 'archive', 'check', url(program))).not.toContain('wrong');
  } finally {
    await program.remove();
  }
});

test('a flipped byte is found, and a folder that cannot be written is shown and hurts nothing else', async ({ engines }) => {
  const service = unique('archive-damage');
  const program = await Program.unstarted(engines);
  // A file where the archive's parent folder should be.
  writeFileSync(program.file('disk'), 'not mounted');
  const location = `file://${program.file('disk')}/archive`;
  program.add('--archive', location, '--archive-every', '1s');
  await program.start();
  try {
    const api = new Api(program.url);
    await push(api, service, [2], 30);
    await until('the failure is shown', async () => (await metric(program.url, 'logboom_archive_up')) === 0);
    await until('it is retried', async () => (await metric(program.url, 'logboom_archive_failures_total')) > 1);
    await api.store({ service: unique('meanwhile'), message: 'stored all the same' });
    rmSync(program.file('disk'));
    await until('it recovers', async () => existsSync(join(program.file('disk'), 'archive', daysAgo(2), 'manifest.json')));
    await until('this is shown', async () => (await metric(program.url, 'logboom_archive_up')) === 1);
    await until('this is in the log', async () => readFileSync(program.logFile, 'utf8').includes('the archive takes records again'));
    const log = readFileSync(program.logFile, 'utf8');
    expect(log.match(/the archive does not take records/g)).toHaveLength(1);
    expect(log.match(/the archive takes records again/g)).toHaveLength(1);

    const day = join(program.file('disk'), 'archive', daysAgo(2));
    expect(await program.run('logboom', 'archive', 'check', location)).toContain(`${daysAgo(2)}\tgood`);
    const part = readdirSync(day).find((name) => name.endsWith('.parquet'))!;
    const bytes = readFileSync(join(day, part));
    const middle = Math.floor(bytes.length / 2);
    bytes[middle] = bytes[middle]! ^ 1;
    writeFileSync(join(day, part), bytes);
    await expect(program.run('logboom', 'archive', 'check', location)).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringMatching(new RegExp(`${daysAgo(2)}\\twrong\\t.*${part}: its checksum differs`)),
    });
  } finally {
    await program.remove();
  }
});

test('a retention that deletes records before they are archived is refused at the start', async () => {
  const program = await Program.unstarted({});
  try {
    const start = program.run('logboom', 'serve', '--archive', url(program), '--retention', '12h');
    await expect(start).rejects.toThrow(/set --retention to at least 1day 1h 10m/);
  } finally {
    await program.remove();
  }
});
