// The search box completes fields and values, and keeps a history.
import { unique } from '../fixtures/api.ts';
import { expect, test } from '../fixtures/test.ts';

test('fields and values are completed by keyboard', async ({ api, explore, page }) => {
  const service = unique('complete');
  await api.store({ service, warehouse: 'north side', message: 'packed' }, { service, message: 'elsewhere' });
  await explore.open({ q: `service:${service}`, range: '1h' });
  await expect(explore.rows).toHaveCount(2);
  await explore.searchBox.click();
  await explore.searchBox.press('End');
  await explore.searchBox.pressSequentially(' ware');
  await expect(page.getByTestId('suggestion').first()).toContainText('warehouse:');
  await explore.searchBox.press('Tab');
  await expect(explore.searchBox).toHaveValue(`service:${service} warehouse:`);
  await expect(page.getByTestId('suggestion').first()).toContainText('north side');
  await explore.searchBox.press('ArrowDown');
  await explore.searchBox.press('Enter');
  await expect(explore.searchBox).toHaveValue(`service:${service} warehouse:"north side" `);
  await explore.searchBox.press('Enter');
  await expect(explore.messages).toHaveText(['packed']);
});

test('Escape closes the list first and then leaves the box', async ({ explore, page }) => {
  await explore.open({ range: '1h' });
  await page.keyboard.press('/');
  await explore.searchBox.pressSequentially('serv');
  await expect(page.getByTestId('suggestion').first()).toBeVisible();
  await explore.searchBox.press('Escape');
  await expect(page.getByTestId('suggestion')).toHaveCount(0);
  await expect(explore.searchBox).toBeFocused();
  await explore.searchBox.press('Escape');
  await expect(explore.searchBox).not.toBeFocused();
});

test('what was searched is offered again', async ({ explore, page }) => {
  const word = unique('history');
  await explore.open({ range: '1h' });
  await explore.search(word);
  await expect(page).toHaveURL(new RegExp(word));
  await page.goto('/?range=1h');
  await explore.ready();
  await explore.searchBox.click();
  await explore.searchBox.press('ArrowDown');
  await expect(page.getByTestId('suggestion').first()).toHaveText(word);
  await explore.searchBox.press('ArrowDown');
  await explore.searchBox.press('Enter');
  await expect(explore.searchBox).toHaveValue(word);
});

test('what is typed is coloured by the language', async ({ explore, page }) => {
  await explore.open({ q: 'timeout -level:error', range: '1h' });
  await expect(page.locator('.painted .q-field')).toHaveText('level');
  await expect(page.locator('.painted .q-value')).toHaveText('error');
  await expect(page.locator('.painted')).toHaveText('timeout -level:error');
});
