// Records are deleted by query, for good: previewed, confirmed, gone from every answer, and never told as lost.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { Api, daysAgo, EventStream, metric, stored, unique } from '../fixtures/api.ts';
import { count, Deletions, EVERYTHING, fill, records } from '../fixtures/deletions.ts';
import { balanced, sums } from '../fixtures/ledger.ts';
import { until } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

test('what was previewed is in no answer any more, everything else is untouched, and the ledger knows', async ({ engines, pair }) => {
  const program = await Program.start(engines);
  const api = new Api(program.url);
  const deletions = new Deletions(api);
  const [doomed, kept] = [unique('doomed'), unique('kept')];
  try {
    await api.store(...records(doomed, 40));
    await api.store(...records(kept, 40));
    const before = await stored(api, kept, 40);
    const own = await stored(api, doomed, 40);
    const after = String(BigInt(own[0]!.position) - 1n);

    const selection = { query: `service:${doomed} -user:u4` };
    const preview = await deletions.preview(selection);
    expect(preview.records).toBe(32);
    expect(preview.newest).toHaveLength(20);
    expect(await count(api, `service:${doomed}`), 'a preview deletes nothing').toBe(40);
    // It arrives after the preview, so it stays.
    await api.push({ service: doomed, message: 'late', user: 'u1' });
    await until('it is stored', async () => (await count(api, `service:${doomed}`)) === 41);
    const { position, records: confirmed } = preview;
    const begun = await deletions.ask('POST', '', { ...selection, position, records: confirmed, reason: 'asked for' });
    expect(begun.status).toBe(202);
    expect(await deletions.ends(begun.body.id)).toMatchObject({ state: 'done', total: 32, removed: 32, error: null });

    // Search, count, facets, single records, context and export.
    const left = await api.logs(`service:${doomed}`, EVERYTHING);
    expect(left.map(({ message }) => message).sort()).toEqual(
      ['late', ...own.filter(({ attributes }) => attributes.user === 'u4').map(({ message }) => message)].sort(),
    );
    const facets = await (await api.get('/api/v1/facets', { query: `service:${doomed}`, fields: 'user', ...EVERYTHING })).json();
    expect(facets).toEqual({ user: [{ value: 'u4', count: 8 }, { value: 'u1', count: 1 }] });
    const gone = own.find(({ attributes }) => attributes.user === 'u0')!;
    expect((await api.get(`/api/v1/logs/${gone.id}`)).status).toBe(404);
    expect((await api.get(`/api/v1/logs/${gone.id}/context`)).status).toBe(404);
    const exported = await (await api.get('/api/v1/export', { query: `service:${doomed}`, ...EVERYTHING })).text();
    expect(exported.trim().split('\n')).toHaveLength(9);
    // A tail that goes on from before the deletion.
    const tail = await EventStream.open(`${program.url}/api/v1/tail?query=service:${doomed}&after=${after}`);
    const events = await tail.take(9);
    expect(events.map(({ data }) => data.id).sort()).toEqual(left.map(({ id }) => id).sort());
    tail.close();

    // The others keep ids, positions and times.
    expect(await stored(api, kept, 40)).toEqual(before);
    // The node that has removed them counts them. In the other pair that may be the server of the other tests.
    if (pair === 'embedded') expect(await metric(program.url, 'logboom_deleted_records_total')).toBe(32);
    await until('the ledger is balanced', async () => (await sums(api, doomed)).in_flight === 0);
    await expect.poll(() => sums(api, doomed)).toMatchObject({ ...balanced, received: 41, stored: 9 });
    const rows = (await (await api.get('/api/v1/ledger', { from: '-2h' })).json()).rows as { service: string; deleted: number }[];
    expect(rows.filter(({ service }) => service === doomed).reduce((sum, { deleted }) => sum + deleted, 0)).toBe(32);

    // Also after a restart.
    await program.stop();
    await program.start();
    expect(await count(api, `service:${doomed}`)).toBe(9);
    await expect.poll(() => sums(api, doomed)).toMatchObject({ ...balanced, received: 41 });
  } finally {
    await program.remove();
  }
});

test('a deletion goes on after a kill of the server, and no moment of it looks like a loss', async ({ engines }) => {
  const program = await Program.start(engines);
  const api = new Api(program.url);
  const deletions = new Deletions(api);
  const [doomed, kept] = [unique('killed'), unique('kept')];
  try {
    await fill(api, doomed, 40_000);
    await fill(api, kept, 1000);
    await until('nothing is in flight', async () => (await sums(api, doomed)).in_flight === 0);
    const id = await deletions.begin({ query: `service:${doomed}` });
    await program.kill();
    await program.start();
    await api.push(...records(doomed, 5, 'later'));
    expect((await sums(api, doomed)).missing).toBe(0);
    expect(await deletions.ends(id)).toMatchObject({ state: 'done', removed: 40_000 });
    await until('what came later is there', async () => (await count(api, `service:${doomed}`)) === 5);
    expect(await count(api, `service:${kept}`)).toBe(1000);
    for (const service of [doomed, kept]) expect((await sums(api, service)).missing, service).toBe(0);
  } finally {
    await program.remove();
  }
});

test('a deletion is cancelled, and a wrong one is refused with the way out', async ({ program }) => {
  const api = new Api(program.url);
  const deletions = new Deletions(api);
  const doomed = unique('cancelled');
  await fill(api, doomed, 20_000);
  const id = await deletions.begin({ query: `service:${doomed}` });
  const cancelled = await deletions.ask('DELETE', `/${id}`);
  // It may have been faster.
  expect([200, 409]).toContain(cancelled.status);
  const { state, removed } = await deletions.ends(id);
  expect(state).toBe(cancelled.status === 200 ? 'cancelled' : 'done');
  expect(await count(api, `service:${doomed}`)).toBe(20_000 - removed);
  expect((await sums(api, doomed)).missing).toBe(0);
  expect((await deletions.ask('DELETE', `/${id}`)).status).toBe(409);
  expect((await deletions.ask('DELETE', '/nothing')).status).toBe(404);

  for (const [path, body, reason] of [
    ['/preview', { query: '' }, 'set all to true'],
    ['/preview', { query: '*' }, 'set all to true'],
    ['/preview', { query: '(level' }, 'an example is user.id:4711'],
    ['/preview', { query: 'x', from: 'soon' }, 'from is "soon"'],
    ['/preview', { query: 'x', limit: 5 }, 'unknown field `limit`'],
    ['', { query: 'x' }, 'missing field `position`'],
    ['', { query: 'x', position: '1' }, 'missing field `records`'],
    ['', { query: 'x', position: 'x', records: 1 }, 'use that of the preview'],
    ['', { query: 'x', position: '9223372036854775807', records: 1 }, 'use the position of the preview'],
    ['', { query: 'x', position: '1', records: 1, archives: true }, 'this server has no archive'],
    ['', { query: 'x', position: '1', records: 1, reason: 'x'.repeat(501) }, 'reason has more than 500'],
  ] as [string, object, string][]) {
    const { status, body: problem } = await deletions.ask('POST', path, body);
    expect(status, reason).toBe(400);
    expect(problem.detail).toContain(reason);
  }
  // More than was confirmed: nothing goes.
  const some = unique('more');
  await api.store(...records(some, 10));
  const wrong = await deletions.begin({ query: `service:${some}` }, { records: 9 });
  expect(await deletions.ends(wrong)).toMatchObject({ state: 'failed', removed: 0 });
  expect(await count(api, `service:${some}`)).toBe(10);
});

/** Fills in the form of the page System, and asks for the preview. */
async function preview(page: Page, query: string): Promise<void> {
  const form = page.getByTestId('deletion-form');
  await form.locator('[name=query]').fill(query);
  await form.getByRole('button', { name: 'Preview' }).click();
}

for (const javaScriptEnabled of [true, false]) {
  test(`an admin previews, confirms by the number, and sees the end ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, async ({
    browser,
    program,
  }) => {
    const context = await browser.newContext({ javaScriptEnabled, baseURL: program.url });
    const page = await context.newPage();
    const api = new Api(program.url);
    const service = unique('form');
    try {
      await api.store(...records(service, 12, '<b>order'));
      await page.goto('/system#deletions');
      await preview(page, '');
      await expect(page.getByTestId('deletion-error')).toContainText('set all to true');
      await preview(page, `service:${service}`);
      await expect(page.getByTestId('deletion-found')).toHaveText('12 records would be deleted.');
      await expect(page.getByTestId('deletion-record')).toHaveCount(12);
      await expect(page.getByTestId('deletion-record').first()).toContainText('<b>order 11');
      const confirm = page.getByTestId('deletion-confirm');
      await confirm.locator('[name=typed]').fill('11');
      await confirm.getByRole('button', { name: 'Delete 12 records for good' }).click();
      await expect(page.getByTestId('deletion-refused')).toContainText('12 is the number; nothing was deleted');
      expect(await count(api, `service:${service}`)).toBe(12);
      await confirm.locator('[name=typed]').fill('12');
      await confirm.locator('[name=reason]').fill('request <i>118');
      for (const width of [1440, 390]) {
        await page.setViewportSize({ width, height: 900 });
        await page.screenshot({ path: test.info().outputPath(`preview-${width}.png`), fullPage: true });
        expect(await page.evaluate(() => document.documentElement.scrollWidth).catch(() => 0)).toBeLessThanOrEqual(width);
      }
      await confirm.getByRole('button', { name: 'Delete 12 records for good' }).click();
      await expect(page).toHaveURL(/\/system#deletions$/);
      const row = page.getByTestId('deletion').filter({ hasText: `service:${service}` });
      await expect(async () => {
        await page.reload();
        await expect(row).toHaveAttribute('data-state', 'done', { timeout: 5000 });
      }).toPass();
      await expect(row).toContainText('12 of 12');
      await expect(row).toContainText('request <i>118');
      expect(await count(api, `service:${service}`)).toBe(0);
      await preview(page, `service:${service}`);
      await expect(page.getByTestId('deletion-found')).toHaveText('No record matches. Nothing would be deleted.');
      await expect(page.getByTestId('deletion-confirm')).toHaveCount(0);
    } finally {
      await context.close();
    }
  });
}

test('the command shows, asks, deletes and lists', async ({ program }) => {
  const api = new Api(program.url);
  const service = unique('command');
  await api.store(...records(service, 30));
  const run = (...options: string[]) => program.run('logboom', 'delete', ...options);
  const query = ['--query', `service:${service}`];
  expect((await run(...query, '--dry-run')).trim()).toBe('30');
  const unasked = await run(...query).catch((error) => error.stderr as string);
  expect(unasked).toContain('nobody can be asked here; add --yes');
  expect(await run('--from', '-1d').catch((error) => error.stderr as string)).toContain('--all');
  expect(await count(api, `service:${service}`)).toBe(30);
  const id = (await run(...query, '--yes', '--reason', 'asked for')).trim();
  expect(await count(api, `service:${service}`)).toBe(0);
  expect(await run('list')).toContain(`${id}\tdone\tall times\tservice:${service}\t30 of 30 records\topen\tasked for`);
  const cancelled = await run('cancel', id).catch((error) => error.stderr as string);
  expect(cancelled).toContain('is done; there is nothing to cancel');
});

test('the archive keeps the records, unless it was asked for', async ({ engines }) => {
  const day = daysAgo(2);
  const program = await Program.unstarted(engines);
  const archive = program.file('archive');
  program.add('--archive', `file://${archive}`, '--archive-every', '1s', '--archive-grace', '0s');
  await program.start();
  const api = new Api(program.url);
  const deletions = new Deletions(api);
  const service = unique('archived');
  const of = (name: string, total: number) =>
    records(name, total).map((record, n) => ({ ...record, time: `${day}T${String(n % 24).padStart(2, '0')}:00:00Z` }));
  const manifest = join(archive, day, 'manifest.json');
  const archived = (): number => (existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).records : 0);
  /** Other tests may have records of the day in the same database. */
  const ofTheDay = async () => {
    const range = { from: `${day}T00:00:00Z`, to: `${day}T23:59:59.999999999Z` };
    return ((await (await api.get('/api/v1/count', { query: '', ...range })).json()) as { count: number }).count;
  };
  try {
    await api.push(...of(service, 60), ...of(`${service}-kept`, 40));
    await until('all are stored', async () => (await count(api, `service:${service},${service}-kept`)) === 100);
    await until('the day is archived', async () => archived() === (await ofTheDay()));
    const before = archived();
    const half = await deletions.begin({ query: `service:${service} user:u0` });
    expect(await deletions.ends(half)).toMatchObject({ state: 'done', removed: 12, archived: 0 });
    expect(archived()).toBe(before);
    const all = await deletions.begin({ query: `service:${service}` }, { archives: true });
    expect(await deletions.ends(all)).toMatchObject({ state: 'done', removed: 48, archived: 60 });
    expect(archived()).toBe(before - 60);
    expect(await program.run('logboom', 'archive', 'check', `file://${archive}`)).not.toContain('wrong');
    expect(await count(api, `service:${service}-kept`)).toBe(40);
  } finally {
    await program.remove();
  }
});
