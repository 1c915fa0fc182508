// The first page never waits for a count, and a count that is late or refused comes later.
import type { Request } from '@playwright/test';
import { Api, unique } from '../fixtures/api.ts';
import { Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';
import { Explore } from '../pages/explore.ts';

const isCount = (request: Request) => request.postData()?.includes('"Histogram"') ?? false;

test('a page shows its records while the counts are blocked, and then the chart', async ({ page }) => {
  // Without patience the server sends each page without counts.
  const program = await Program.start({}, '--search-patience', '0s');
  try {
    const api = new Api(program.url);
    const service = unique('first-page');
    await api.store({ service, level: 'warn', message: 'shown before it is counted' });

    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    await page.route('**/api/dashboard/ask', async (route) => {
      if (isCount(route.request())) await released;
      await route.continue();
    });
    const asked = page.waitForRequest(isCount);
    const explore = new Explore(page);
    await page.goto(`${program.url}/?range=1h&q=service:${service}`);
    await asked;
    await expect(explore.messages).toHaveText(['shown before it is counted']);
    // What is not counted is neither zero nor empty.
    const chart = page.getByTestId('histogram');
    await expect(chart).toBeVisible();
    await expect(chart.locator('svg a')).toHaveCount(0);
    await expect(chart.locator('.histogram-empty')).toHaveCount(0);
    await expect(explore.level('warn').locator('.chip-count')).toHaveText('');

    release();
    await expect(chart.locator('svg a')).not.toHaveCount(0);
    await expect(explore.level('warn').locator('.chip-count')).toHaveText('1');
    await expect(explore.level('error').locator('.chip-count')).toHaveText('0');
    await expect(explore.messages).toHaveText(['shown before it is counted']);
  } finally {
    await program.remove();
  }
});

test('counts that the server has no room for are requested again', async ({ api, explore, page }) => {
  const service = unique('refused');
  await api.store({ service, level: 'warn', message: 'counted at the second attempt' });
  await explore.open({ range: '1h' });
  let asked = 0;
  await page.route('**/api/dashboard/ask', async (route) => {
    if (!isCount(route.request())) return route.continue();
    asked += 1;
    if (asked > 1) return route.continue();
    await route.fulfill({ status: 500, json: { class: 'overloaded', message: 'too many counts' } });
  });
  await explore.search(`service:${service}`);
  await expect(explore.messages).toHaveText(['counted at the second attempt']);
  await expect.poll(() => asked).toBeGreaterThan(1);
  await expect(explore.level('warn').locator('.chip-count')).toHaveText('1');
});
