// Saved views: shared, by name and by link.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Api, unique } from '../fixtures/api.ts';
import { Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

test('a view is saved, found by another reader, and removed', async ({ api, explore, page, browser }) => {
  const service = unique('saved');
  const name = `errors of ${service}`;
  await api.store({ service, level: 'error', message: 'lost' }, { service, message: 'kept' });
  await explore.open({ q: `service:${service} level:error`, range: '24h' });
  await expect(explore.messages).toHaveText(['lost']);
  await page.getByTestId('views').locator('summary').click();
  await page.getByTestId('view-name').fill(name);
  await page.getByTestId('save-view').click();
  await expect(page.getByTestId('saved-view').filter({ hasText: name })).toBeVisible();

  const another = await (await browser.newContext()).newPage();
  await another.goto(`${api.url}/view/${encodeURIComponent(name)}`);
  await expect(another.getByTestId('log-message')).toHaveText(['lost']);
  await expect(another).toHaveURL(/range=24h/);
  await another.close();

  const entry = page.locator('.menu-content li').filter({ hasText: name });
  await entry.getByTestId('remove-view').click();
  await expect(entry).toHaveCount(0);
  await expect.poll(async () => (await fetch(`${api.url}/view/${encodeURIComponent(name)}`)).status).toBe(404);
});

test('a view leads nowhere else', async ({ api }) => {
  for (const address of ['//evil.example/', 'https://evil.example/', '/\\evil', '/\t/evil.example', '/?q=\u0085', '', 7]) {
    const answer = await fetch(`${api.url}/api/v1/views/bad`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ address }),
    });
    expect([400, 422]).toContain(answer.status);
    expect(await answer.text()).toContain('address');
  }
});

test('a view from a file is shown, opened, and read-only', async ({ engines, explore, page }, testInfo) => {
  const service = unique('from-file');
  const [fixed, stored] = [`errors of ${service}`, `all of ${service}`];
  const query = `service:${service} level:error`;
  const folder = testInfo.outputPath('config');
  mkdirSync(folder);
  const document = { address: `/?${new URLSearchParams({ q: query, range: '24h' })}` };
  writeFileSync(
    join(folder, 'views.json'),
    JSON.stringify({ format: 1, documents: [{ kind: 'view', name: fixed, document }] }),
  );
  const program = await Program.start(engines, '--config-dir', folder);
  try {
    const api = new Api(program.url);
    const change = (method: string, name: string) =>
      fetch(`${api.url}/api/v1/views/${encodeURIComponent(name)}`, {
        method,
        ...(method === 'PUT' && {
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ address: `/?q=service:${service}` }),
        }),
      });
    await api.store({ service, level: 'error', message: 'lost' }, { service, message: 'kept' });
    expect((await change('PUT', stored)).status).toBe(204);

    await page.goto(api.url);
    await explore.ready();
    await page.getByTestId('views').locator('summary').click();
    const entry = (name: string) => page.locator('.menu-content li').filter({ hasText: name });
    // A stored view has the control that the view from the file lacks.
    await expect(entry(stored).getByTestId('remove-view')).toBeVisible();
    await expect(entry(stored).getByTestId('read-only-view')).toHaveCount(0);
    await expect(entry(fixed).getByTestId('read-only-view')).toHaveText('read-only');
    await expect(entry(fixed).getByTestId('remove-view')).toHaveCount(0);

    await entry(fixed).getByTestId('saved-view').click();
    await expect(explore.searchBox).toHaveValue(query);
    await expect(explore.messages).toHaveText(['lost']);
    await expect(page).toHaveURL(/range=24h/);

    for (const method of ['DELETE', 'PUT']) {
      const answer = await change(method, fixed);
      expect(answer.status, method).toBe(409);
      expect(await answer.text()).toContain('views.json');
    }
    expect((await change('DELETE', stored)).status).toBe(204);
    const views = await (await api.get('/api/v1/views')).json();
    expect(views).toContainEqual({ name: fixed, address: document.address, read_only: true });
  } finally {
    await program.remove();
  }
});
