// An archive in an S3 bucket outlives the data folder, and a new server stores its records again.
import { readFileSync, rmSync } from 'node:fs';
import { Api, daysAgo, metric, unique } from '../fixtures/api.ts';
import { Moto } from '../fixtures/moto.ts';
import { until } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { Proxy } from '../fixtures/proxy.ts';
import { expect, test } from '../fixtures/test.ts';

const LOCATION = 's3://logs/team';
const SECRET = 'secret-of-the-bucket';

/** Records of a day; `first` is the number in the first message. */
const orders = (service: string, day: string, first: number, count: number) =>
  Array.from({ length: count }, (_, n) => ({ service, message: `order ${first + n}`, time: `${day}T12:00:00Z` }));

const messages = async (api: Api, service: string) => {
  const records = await api.logs(`service:${service}`, { from: '1970-01-01T00:00:00Z', limit: '1000' });
  return records.map(({ message }) => message).sort();
};

test('an archive in S3 waits for its bucket, outlives the data folder, and is stored again', async () => {
  const service = unique('s3');
  const moto = await Moto.start('logs');
  const bucket = await Proxy.before(moto.url);
  const program = await Program.unstarted({}, '--archive', LOCATION, '--archive-every', '1s', '--archive-grace', '0s');
  const keys = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: SECRET };
  Object.assign(program.environment, keys, { AWS_ENDPOINT: bucket.url, AWS_ALLOW_HTTP: 'true' });
  const archive = (...command: string[]) => program.run('logboom', 'archive', ...command).catch(String);
  await program.start();
  try {
    const api = new Api(program.url);
    const [newest, older] = [daysAgo(1), daysAgo(3)];
    await api.push(...orders(service, newest, 0, 50), ...orders(service, older, 50, 50));
    const has = (day: string, records: number) => new RegExp(`^${day}\\t${records} records `, 'm');
    await expect.poll(() => archive('list', LOCATION), { timeout: 120_000 }).toMatch(has(newest, 50));
    await expect.poll(() => archive('list', LOCATION), { timeout: 120_000 }).toMatch(has(older, 50));

    await bucket.cut();
    await api.push(...orders(service, older, 100, 20));
    await until('the failure is shown', async () => (await metric(program.url, 'logboom_archive_up')) === 0);
    await api.store({ service: unique('meanwhile'), message: 'stored all the same' });
    await bucket.restore();
    await expect.poll(() => archive('list', LOCATION), { timeout: 120_000 }).toMatch(has(older, 70));
    await until('it is shown as up', async () => (await metric(program.url, 'logboom_archive_up')) === 1);
    expect(await archive('check', LOCATION)).toMatch(new RegExp(`^${older}\\tgood\\t.*\n${newest}\\tgood\\t`, 'm'));

    // The machine is lost, and its disk with it.
    const all = await messages(api, service);
    expect(all).toHaveLength(120);
    await program.kill();
    rmSync(program.file('data'), { recursive: true });
    await program.start();
    expect(await messages(api, service)).toEqual([]);
    // Twice: what is there is skipped.
    for (const day of [newest, older, older]) await program.run('logboom', 'replay', '--day', day, '--to', 'store');
    await expect.poll(() => messages(api, service)).toEqual(all);
    expect(readFileSync(program.logFile, 'utf8')).not.toContain(SECRET);
  } finally {
    await program.remove();
    await bucket.cut();
    await moto.stop();
  }
});
