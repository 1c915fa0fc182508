// Message patterns.
import { unique } from '../fixtures/api.ts';
import { expect, test } from '../fixtures/test.ts';

test('messages are grouped, a group is listed alone or hidden, and what is new is said', async ({
  api,
  explore,
  page,
}) => {
  const service = unique('patterns');
  const hours = (n: number) => new Date(Date.now() - n * 3_600_000).toISOString();
  const old = Array.from({ length: 5 }, (_, n) => ({
    service,
    message: `user ${1000 + n} signed in from 10.0.0.${n}`,
    time: hours(1.5),
  }));
  const fresh = Array.from({ length: 30 }, (_, n) => ({
    service,
    message: `user ${2000 + n} signed in from 10.0.1.${n}`,
  }));
  const rare = Array.from({ length: 2 }, (_, n) => ({
    service,
    level: 'error',
    message: `payment ${n}77 refused by the bank after 12${n} ms`,
  }));
  await api.store(...old, ...fresh, ...rare);

  await explore.open({ q: `service:${service}`, range: '1h' });
  await page.getByTestId('tab-patterns').click();
  const patterns = page.getByTestId('pattern');
  await expect(patterns).toHaveCount(2);
  // New patterns come first.
  await expect(patterns.first()).toContainText('refused by the bank');
  await expect(patterns.first().getByTestId('pattern-new')).toBeVisible();
  await expect(patterns.first()).toHaveAttribute('data-count', '2');
  await expect(patterns.last()).toHaveAttribute('data-count', '30');
  await expect(patterns.last().getByTestId('pattern-new')).toHaveCount(0);

  await patterns.last().locator('summary').click();
  await patterns.last().getByTestId('ask-first-seen').click();
  await expect(patterns.last().getByTestId('first-seen')).toContainText(/First seen \d{4}-/);

  await patterns.last().getByTestId('pattern-hide').click();
  await expect(patterns).toHaveCount(1);
  await patterns.first().getByTestId('pattern-only').click();
  await expect(explore.rows).toHaveCount(2);
  await expect(explore.rows.first()).toContainText('refused by the bank');
});
