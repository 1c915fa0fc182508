// Fields and their values in the side panel, columns, and their keys.
import { unique } from '../fixtures/api.ts';
import { expect, test } from '../fixtures/test.ts';

test('a value is demanded by a click, refused with Alt, and let go of by another', async ({ api, explore, page }) => {
  const service = unique('facets');
  await api.store(
    ...['north', 'north', 'north', 'south'].map((region, n) => ({ service, region, message: `order ${n}` })),
  );
  await explore.open({ q: `service:${service}`, range: '1h' });
  const facet = page.locator('[data-testid=facet][data-field=region]');
  const value = (name: string) => facet.locator(`[data-testid=facet-value][data-value=${name}]`);
  await expect(value('north')).toContainText('3');
  await expect(value('south')).toContainText('1');

  await value('south').click();
  await expect(explore.messages).toHaveText(['order 3']);
  await expect(explore.searchBox).toHaveValue(/region:south/);
  // The other values keep their counts, so that the user can switch.
  await expect(value('north')).toContainText('3');
  await value('south').click();
  await expect(explore.rows).toHaveCount(4);
  await value('south').click({ modifiers: ['Alt'] });
  await expect(explore.rows).toHaveCount(3);
  await expect(explore.searchBox).toHaveValue(/-region:south/);
});

test('the fields go away and come back, and the browser remembers it', async ({ explore, page }) => {
  await explore.open({ range: '1h' });
  await expect(page.getByTestId('facets')).toBeVisible();
  await page.keyboard.press('b');
  await expect(page.getByTestId('facets')).toBeHidden();
  await page.reload();
  await explore.ready();
  await expect(page.getByTestId('facets')).toBeHidden();
  await page.getByTestId('facets-toggle').click();
  await expect(page.getByTestId('facets')).toBeVisible();
});

test('a field becomes a column, which the link carries', async ({ api, explore, page }) => {
  const service = unique('columns');
  await api.store({ service, region: 'north', message: 'with a region' }, { service, message: 'without one' });
  await explore.open({ q: `service:${service}`, range: '1h' });
  const detail = await explore.expand('with a region');
  await detail.locator('[data-testid=as-column][data-field=region]').click();
  await expect(explore.row('with a region').locator('.cell')).toHaveText('north');
  await expect(page).toHaveURL(/columns=region/);
  await page.reload();
  await explore.ready();
  await expect(explore.row('with a region').locator('.cell')).toHaveText('north');
  await page.getByTestId('column').click();
  await expect(explore.row('with a region').locator('.cell')).toHaveCount(0);
});

test('the row that has the focus filters by its service', async ({ api, explore, page }) => {
  const [one, other] = [unique('focus'), unique('focus')];
  const mark = unique('mark');
  await api.store({ service: one, message: `${mark} a` });
  await api.store({ service: other, message: `${mark} b` });
  await explore.open({ q: mark, range: '1h' });
  await expect(explore.rows).toHaveCount(2);
  await page.keyboard.press('j');
  await page.keyboard.press('f');
  await expect(explore.rows).toHaveCount(1);
  await page.goBack();
  await expect(explore.rows).toHaveCount(2);
  await page.keyboard.press('j');
  await page.keyboard.press('Shift+F');
  await expect(explore.rows).toHaveCount(1);
  await expect(explore.searchBox).toHaveValue(/-service:/);
});

test('the time is shifted by its own length', async ({ explore, page }) => {
  await explore.open({ range: '1h' });
  await page.keyboard.press('[');
  await expect(page).toHaveURL(/range=between/);
  const first = new URL(page.url()).searchParams;
  expect(Date.parse(first.get('to')!) - Date.parse(first.get('from')!)).toBe(3_600_000);
  await page.keyboard.press('[');
  await expect.poll(() => new URL(page.url()).searchParams.get('to')).toBe(first.get('from'));
  await page.keyboard.press(']');
  await expect.poll(() => new URL(page.url()).searchParams.get('from')).toBe(first.get('from'));
});
