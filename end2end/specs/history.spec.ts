// Scrolling far back: positions are kept, rows are not.
import { unique } from '../fixtures/api.ts';
import { expect, test } from '../fixtures/test.ts';

test('thousands of rows have a place, and hundreds are in the page', async ({ api, explore, page }) => {
  const service = unique('far');
  const count = 12_000;
  const at = Date.now() - 50 * 60_000;
  const record = (n: number) => ({ service, message: `number ${n}`, time: new Date(at + n * 100).toISOString() });
  for (let n = 0; n < count; n += 4000) {
    await api.push(...Array.from({ length: 4000 }, (_, k) => record(n + k)));
  }
  await expect
    .poll(async () => (await (await api.get('/api/v1/count', { query: `service:${service}`, from: '-2h' })).json()).count)
    .toBe(count);
  await explore.open({ q: `service:${service}`, range: '1h' });
  await expect(explore.rows).toHaveCount(200);
  // Scrolls the list by wheel; older records load automatically.
  await page.mouse.move(700, 600);
  await expect(async () => {
    for (let n = 0; n < 20; n++) await page.mouse.wheel(0, -20_000);
    await expect(page.getByTestId('beginning')).toBeVisible({ timeout: 500 });
  }).toPass({ timeout: 200_000, intervals: [50] });
  await expect(explore.messages.first()).toHaveText('number 0');
  const rows = await explore.rows.count();
  expect(rows).toBeLessThan(1_600);
  const height = await page.locator('.list').evaluate((list) => list.scrollHeight);
  expect(height).toBeGreaterThan(count * 20);
  // Back at the end, the newest rows are shown, even if released meanwhile.
  await page.locator('.scroller').evaluate((scroller) => scroller.scrollTo(0, 0));
  await expect(explore.messages.last()).toHaveText(`number ${count - 1}`);
});
