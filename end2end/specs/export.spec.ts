// Exports all matches as a file, through the API and the command.
import { readFileSync } from 'node:fs';
import { unique } from '../fixtures/api.ts';
import { expect, test } from '../fixtures/test.ts';

const COUNT = 12_000;

test('an export holds every record, newest first, in each format', async ({ program, api }) => {
  const service = unique('export');
  const base = Date.now() - 3_600_000;
  const record = (n: number) => ({ time: base + n, service, level: 'info', message: `line ${n}, "quoted"\nand long`, n });
  for (let n = 0; n < COUNT; n += 4000) {
    await api.push(...Array.from({ length: 4000 }, (_, place) => record(n + place)));
  }
  const query = `service:${service}`;
  const everything = { query, from: '-2h' };
  await expect.poll(async () => (await (await api.get('/api/v1/count', everything)).json()).count).toBe(COUNT);

  const ndjson = await api.get('/api/v1/export', everything);
  expect(ndjson.headers.get('content-type')).toBe('application/x-ndjson');
  const lines = (await ndjson.text()).trimEnd().split('\n').map((line) => JSON.parse(line));
  expect(lines.map((line) => line.attributes.n)).toEqual(Array.from({ length: COUNT }, (_, n) => COUNT - 1 - n));

  const csv = await (await api.get('/api/v1/export', { ...everything, format: 'csv' })).text();
  expect(csv.startsWith('id,time,observed_time,level,severity,service,node,message,')).toBe(true);
  expect(csv.match(/line \d+, ""quoted""\nand long/g)).toHaveLength(COUNT);

  const file = program.file('export.parquet');
  await program.run('logboom', 'export', query, '--from', '-2h', '--format', 'parquet', '-o', file);
  const bytes = readFileSync(file);
  expect(bytes.subarray(0, 4).toString()).toBe('PAR1');
  expect(bytes.subarray(-4).toString()).toBe('PAR1');

  const printed = await program.run('logboom', 'export', `${query} n<3`);
  expect(printed.trimEnd().split('\n').map((line) => JSON.parse(line).attributes.n)).toEqual([2, 1, 0]);
});

test('what is wrong with an export is said by the API and by the command', async ({ program, api }) => {
  for (const [name, value, hint] of [
    ['query', 'level:', 'query'],
    ['from', 'soon', 'from'],
    ['format', 'xls', 'format'],
    ['limit', '3', 'limit'],
  ] as const) {
    const answer = await api.get('/api/v1/export', { [name]: value });
    expect(answer.status, name).toBe(400);
    expect((await answer.json()).detail, name).toContain(hint);
  }
  await expect(program.run('logboom', 'export', 'level:')).rejects.toThrow(/query/);
  await expect(program.run('logboom', 'export', '--server', 'http://127.0.0.1:1')).rejects.toThrow(/cannot be reached/);
});
