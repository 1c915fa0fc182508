// A copied address shows a colleague the same view.
import { unique } from '../fixtures/api.ts';
import { expect, test } from '../fixtures/test.ts';
import { Explore } from '../pages/explore.ts';

test('an address opened in another browser shows the same records and the same one open', async ({
  api,
  explore,
  page,
  browser,
  program,
}) => {
  const service = unique('share');
  const base = Date.now() - 30_000;
  const records = ['one', 'two', 'three', 'four'].map((message, n) => ({
    time: new Date(base + n * 1000).toISOString(),
    service,
    message: `${message} to share`,
    level: n % 2 ? 'error' : 'info',
  }));
  await api.store(...records);
  await explore.open({ range: '1h' });
  await explore.search(`service:${service} level:error`);
  await expect(explore.messages).toHaveText(['two to share', 'four to share']);
  await explore.expand('two to share');
  await expect(page).toHaveURL(/[?&]at=/);
  const ids = await explore.ids();

  const colleague = await browser.newContext({ baseURL: program.url });
  const other = new Explore(await colleague.newPage());
  await other.page.goto(page.url());
  await other.ready();
  await expect(other.messages).toHaveText(['two to share', 'four to share']);
  expect(await other.ids()).toEqual(ids);
  await expect(other.row('two to share').getByTestId('row-detail')).toBeVisible();
  await expect(other.searchBox).toHaveValue(`service:${service} level:error`);
  await colleague.close();
});

test('going back shows the view before', async ({ api, explore, page }) => {
  const service = unique('back');
  await api.store({ service, message: 'apples' }, { service, message: 'pears' });
  await explore.open({ q: `service:${service}`, range: '1h' });
  await explore.search(`service:${service} apples`);
  await expect(explore.messages).toHaveText(['apples']);
  await page.goBack();
  await expect(explore.rows).toHaveCount(2);
  await page.goForward();
  await expect(explore.messages).toHaveText(['apples']);
});
