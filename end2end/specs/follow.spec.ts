// Pausing, and reading on.
import { expect, test } from '../fixtures/test.ts';

test('a paused view stays as it is, counts what is new, and goes on', async ({ service, explore, page }) => {
  await explore.openLive(`node:${service.node}`);
  await service.log('info', 'shown');
  await expect(explore.messages).toHaveText(['shown']);
  await page.keyboard.press('Space');
  await explore.expectState('paused');
  await service.log('info', 'held back 1');
  await service.log('info', 'held back 2');
  await expect(page.getByTestId('new-count')).toContainText('2');
  await expect(explore.messages).toHaveText(['shown']);
  await page.keyboard.press('Space');
  await explore.expectState('live');
  await expect(explore.messages).toHaveText(['shown', 'held back 1', 'held back 2']);
});

test('the language can be changed, and is remembered', async ({ explore, page }) => {
  await explore.open();
  await expect(page.locator('html')).toHaveAttribute('lang', 'en');
  await page.getByTestId('language-toggle').click();
  await expect(page.locator('html')).toHaveAttribute('lang', 'ko');
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('lang', 'ko');
});
