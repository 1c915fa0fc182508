// Pausing and resuming the tail.
import { unique } from '../fixtures/api.ts';
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

test('a busy view shows the newest at once, and has the rest when one scrolls back', async ({ api, explore, page }) => {
  const service = unique('burst');
  await explore.openLive(`service:${service}`);
  const [bursts, size] = [10, 150];
  const covered = () =>
    page.locator('.scroller').evaluate((scroller) => {
      const area = scroller.getBoundingClientRect();
      const heights = [...scroller.querySelectorAll('.row')].map((row) => {
        const { top, bottom } = row.getBoundingClientRect();
        return Math.max(0, Math.min(bottom, area.bottom) - Math.max(top, area.top));
      });
      return heights.reduce((sum, height) => sum + height, 0) / area.height;
    });
  for (let burst = 0; burst < bursts; burst++) {
    const names = Array.from({ length: size }, (_, n) => `row ${burst * size + n}`);
    await api.push(...names.map((message) => ({ service, message })));
    await expect(explore.messages.last()).toHaveText(names.at(-1)!);
    await expect.poll(covered, 'no gaps on the screen').toBeGreaterThan(0.95);
  }
  // All rows have their place, and are rendered when scrolled to.
  const seen = new Set<string>();
  await expect
    .poll(async () => {
      (await explore.messages.allTextContents()).forEach((text) => seen.add(text.trim()));
      // From the top it begins again: a busy browser may have skipped rows.
      await page.locator('.scroller').evaluate((scroller) => {
        const before = scroller.scrollTop;
        scroller.scrollBy(0, -400);
        if (scroller.scrollTop === before) scroller.scrollTo(0, 0);
      });
      // The first frame renders the rows, and the second one comes after it.
      for (let frame = 0; frame < 2; frame++) await page.evaluate(() => new Promise(requestAnimationFrame));
      return seen.size;
    }, { intervals: [10], timeout: 200_000 })
    .toBe(bursts * size);
  const shown = (await explore.messages.allTextContents()).map((text) => Number(text.trim().split(' ')[1]));
  expect(shown).toEqual([...shown].sort((a, b) => a - b));
});

test('the language can be changed, and is remembered', async ({ explore, page }) => {
  await explore.open();
  await expect(page.locator('html')).toHaveAttribute('lang', 'en');
  await page.getByTestId('language-toggle').click();
  await expect(page.locator('html')).toHaveAttribute('lang', 'ko');
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('lang', 'ko');
});
