// The page is readable, and search works, without JavaScript.
import { unique } from '../fixtures/api.ts';
import { expect, test } from '../fixtures/test.ts';

test.use({ javaScriptEnabled: false });

test('the first page comes rendered, and searching is a form', async ({ api, explore, page }) => {
  const service = unique('plain');
  await api.store({ service, message: 'readable at once' }, { service, message: 'and so is this' });
  await page.goto('/');
  await expect(explore.row('readable at once')).toHaveCount(1);

  await explore.searchBox.fill(`service:${service} readable`);
  await page.getByTestId('search-submit').click();
  await expect(explore.messages).toHaveText(['readable at once']);
});

test('a search is rendered with its query in the box', async ({ api, explore, page }) => {
  const service = unique('rendered');
  await api.store({ service, message: 'found by address' });
  await page.goto(`/?q=service:${service}&range=1h`);
  await expect(explore.messages).toHaveText(['found by address']);
  await expect(explore.searchBox).toHaveValue(`service:${service}`);
});
