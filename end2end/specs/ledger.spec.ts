// The loss ledger: what became of each received record, also after kills.
import { Api, unique } from '../fixtures/api.ts';
import { balanced, command, lines, records, summary, sums } from '../fixtures/ledger.ts';
import { Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

test('each received record is stored or rejected, on the API, by command, as a metric and on System', async ({
  engines,
  pair,
  page,
}) => {
  const service = unique('ledger');
  const program = await Program.start(engines);
  try {
    const api = new Api(program.url);
    await api.push(...records(service, 120));
    const before = (await sums(api, '')).rejected;
    await api.post(lines([...records(service, 3), { service, message: 'x'.repeat(2 << 20) }]));
    const expected = { ...balanced, received: 124, stored: 123, rejected: 1 };
    await expect.poll(() => sums(api, service), { timeout: 120_000 }).toEqual(expected);
    await api.post(`${lines(records('', 1))}\n{no json`);
    await expect.poll(async () => (await sums(api, '')).rejected, { timeout: 120_000 }).toBeGreaterThan(before);

    const row = new RegExp(`^\\d{4}-\\d\\d-\\d\\dT\\d\\d  ${service} +124 +123 +0 +1 +0 +0 +0 +0 +0  settled$`, 'm');
    await expect.poll(() => command(program, '--from', '-2h'), { timeout: 120_000 }).toMatch(row);

    const metrics = async () => (await fetch(`${program.url}/metrics`)).text();
    // The store of the distributed pair is shared with tests that damage theirs.
    const missing = pair === 'embedded' ? '0' : '[\\d,]+';
    const line = new RegExp(`^logboom_ledger_records{outcome="missing"} ${missing}$`, 'm');
    await expect.poll(metrics, { timeout: 120_000 }).toMatch(line);
    await expect.poll(async () => (await summary(api)).hours, { timeout: 120_000 }).toBeGreaterThan(0);
    await page.goto(`${program.url}/system`);
    const sentence = new RegExp(`^${missing} records? lost in \\d+ (hours?|days)$`);
    await expect(page.getByTestId('loss-ledger')).toHaveText(sentence);
    await expect(page.getByTestId('loss-ledger-totals')).toBeVisible();
  } finally {
    await program.remove();
  }
});

test('a killed server loses nothing, and claims no loss', async ({ engines }) => {
  const service = unique('ledger-kill');
  const program = await Program.start(engines);
  try {
    const api = new Api(program.url);
    let acknowledged = 0;
    for (let kill = 0; kill < 3; kill += 1) {
      for (let push = 0; push < 5; push += 1) {
        await api.push(...records(service, 40));
        acknowledged += 40;
      }
      await program.kill();
      await program.start();
    }
    await expect
      .poll(async () => (await sums(api, service)).stored, { timeout: 120_000 })
      .toBeGreaterThanOrEqual(acknowledged);
    await expect.poll(() => sums(api, service), { timeout: 120_000 }).toMatchObject({ missing: 0, stored: acknowledged });

    // A server that ends by itself takes its numbers along.
    await api.push(...records(`${service}-after`, 10));
    const all = { ...balanced, received: 10, stored: 10 };
    await expect.poll(() => sums(api, `${service}-after`), { timeout: 120_000 }).toEqual(all);
    await program.stop();
    await program.start();
    await expect.poll(() => sums(api, `${service}-after`), { timeout: 120_000 }).toEqual(all);
  } finally {
    await program.remove();
  }
});

test('a range that the ledger does not know is refused with the way out', async ({ api }) => {
  for (const [parameters, words] of [
    [{ from: 'soon' }, 'from is "soon"'],
    [{ from: '2001-01-01T00:00:00Z', to: '2001-01-02T00:00:00Z' }, 'the last 31 days'],
  ] as const) {
    const answer = await api.get('/api/v1/ledger', parameters);
    expect(answer.status).toBe(400);
    expect(((await answer.json()) as { detail: string }).detail).toContain(words);
  }
});
