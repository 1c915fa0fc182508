// Filtering by level chips and by a field of a record.
import { unique } from '../fixtures/api.ts';
import { expect, test } from '../fixtures/test.ts';

test('a level chip shows only its level, and shows all again', async ({ api, explore }) => {
  const service = unique('levels');
  await api.store(
    { service, level: 'info', message: 'all is well' },
    { service, level: 'error', message: 'all is lost' },
    { service, level: 'warn', message: 'all is shaky' },
  );
  await explore.open({ q: `service:${service}`, range: '1h' });
  await expect(explore.rows).toHaveCount(3);
  await explore.level('error').click();
  await expect(explore.messages).toHaveText(['all is lost']);
  await expect(explore.level('error')).toHaveAttribute('aria-pressed', 'true');
  // The other levels still show their counts.
  await expect(explore.level('warn').locator('.chip-count')).toHaveText('1');
  await explore.level('error').click();
  await expect(explore.rows).toHaveCount(3);
});

test('a field of a record filters in and out', async ({ api, explore, page }) => {
  const service = unique('fields');
  await api.store(
    { service, message: 'the first', region: 'north' },
    { service, message: 'the second', region: 'south' },
  );
  await explore.open({ q: `service:${service}`, range: '1h' });
  await expect(explore.rows).toHaveCount(2);
  let detail = await explore.expand('the first');
  await detail.locator('[data-testid=filter-in][data-field=region]').click();
  await expect(explore.messages).toHaveText(['the first']);
  await expect(explore.searchBox).toHaveValue(/region:north/);

  await page.goBack();
  await expect(explore.rows).toHaveCount(2);
  // The URL contains the expanded record, so it is expanded again.
  detail = page.getByTestId('row-detail');
  await expect(async () => {
    if (!(await detail.isVisible())) await explore.row('the first').getByTestId('log-message').click();
    await expect(detail).toBeVisible({ timeout: 5000 });
  }).toPass();
  await detail.locator('[data-testid=filter-out][data-field=region]').click();
  await expect(explore.messages).toHaveText(['the second']);
});
