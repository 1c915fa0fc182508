// The time range decides which records are found.
import { unique } from '../fixtures/api.ts';
import { expect, test } from '../fixtures/test.ts';

const HOUR = 3_600_000;

test('a relative range holds what happened within it', async ({ api, explore, page }) => {
  const service = unique('range');
  const ago = (hours: number) => new Date(Date.now() - hours * HOUR).toISOString();
  await api.store(
    { service, message: 'two days ago', time: ago(48) },
    { service, message: 'three hours ago', time: ago(3) },
    { service, message: 'just now', time: ago(0) },
  );
  await explore.open({ q: `service:${service}`, range: '15m' });
  await expect(explore.messages).toHaveText(['just now']);
  await explore.chooseRange('6h');
  await expect(explore.messages).toHaveText(['three hours ago', 'just now']);
  await explore.chooseRange('7d');
  await expect(explore.messages).toHaveText(['two days ago', 'three hours ago', 'just now']);
  await expect(page).toHaveURL(/[?&]range=7d(&|$)/);
});

test('an absolute range holds what happened between its ends', async ({ api, explore }) => {
  const service = unique('between');
  const day = new Date(Date.now() - 24 * HOUR).toISOString().slice(0, 10);
  await api.store(
    { service, message: 'at nine', time: `${day}T09:00:00Z` },
    { service, message: 'at ten', time: `${day}T10:00:00Z` },
    { service, message: 'at eleven', time: `${day}T11:00:00Z` },
  );
  const [from, to] = [`${day}T09:30:00Z`, `${day}T10:30:00Z`];
  await explore.open({ q: `service:${service}`, range: 'between', from, to });
  await expect(explore.messages).toHaveText(['at ten']);
});

test('the histogram shows that there is something', async ({ api, explore, page }) => {
  const service = unique('histogram');
  await api.store({ service, level: 'error', message: 'counted' });
  await explore.open({ q: `service:${service}`, range: '1h' });
  await expect(page.getByTestId('histogram')).toBeVisible();
  await expect(explore.level('error')).toContainText('1');
});
