// The canary: marked records through every door, found by a search and shown by a tail.
import { Api } from '../fixtures/api.ts';
import { freePort } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

type Door = { door: string; sent: number; arrived: number; failed: number; missing: number; doubled: number; error: string | null };

const DOORS = [
  'http', 'put', 'elasticsearch', 'loki', 'otlp', 'grpc', 'grpc single', 'otlp grpc',
  'tcp', 'syslog', 'syslog udp', 'gelf', 'gelf udp', 'fluent',
];

test('the canary sends through every door that is on, and finds its records', async ({ engines, page }) => {
  const listen: string[] = [];
  for (const door of ['tcp', 'syslog', 'gelf', 'fluent']) listen.push(`--${door}-listen`, `127.0.0.1:${await freePort()}`);
  const program = await Program.start(engines, ...listen, '--canary', '1s');
  try {
    const api = new Api(program.url);
    const doors = async () => (await (await api.get('/api/v1/canary')).json()) as Door[];
    await expect.poll(async () => (await doors()).map(({ door }) => door)).toEqual(DOORS);
    await expect.poll(async () => Math.min(...(await doors()).map(({ arrived }) => arrived)), { timeout: 150_000 }).toBeGreaterThan(1);
    for (const door of await doors()) expect(door).toMatchObject({ failed: 0, missing: 0, doubled: 0, error: null });
    for (const door of DOORS) {
      const found = await api.logs(`service:logboom-canary "by ${door}"`);
      expect(found.length, door).toBeGreaterThan(1);
    }

    const metrics = await (await fetch(`${program.url}/metrics`)).text();
    for (const door of DOORS) expect(metrics).toMatch(new RegExp(`^logboom_canary_sent_total{door="${door}"} [1-9]`, 'm'));
    await page.goto(`${program.url}/system`);
    await expect(page.getByTestId('canary')).toHaveCount(DOORS.length);
  } finally {
    await program.remove();
  }
});

test('without the option no record is sent', async ({ api, page, program }) => {
  expect(await (await api.get('/api/v1/canary')).json()).toEqual([]);
  await page.goto(`${program.url}/system`);
  await expect(page.getByTestId('loss-ledger')).toBeVisible();
  await expect(page.getByTestId('canary')).toHaveCount(0);
});
