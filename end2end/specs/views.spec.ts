// Saved views: shared, by name and by link.
import { unique } from '../fixtures/api.ts';
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
  expect((await fetch(`${api.url}/view/${encodeURIComponent(name)}`)).status).toBe(404);
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
