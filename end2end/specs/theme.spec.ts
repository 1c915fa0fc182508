// The theme is stored, and applied before the first paint.
import { expect, test } from '../fixtures/test.ts';

test('the theme that was chosen survives a reload, without a flash', async ({ explore, page }) => {
  await explore.open();
  const html = page.locator('html');
  for (let click = 0; click < 3; click++) {
    const theme = (await html.getAttribute('data-theme'))!;
    if (theme === 'dark') break;
    await page.getByTestId('theme-toggle').click();
    await expect(html).not.toHaveAttribute('data-theme', theme);
  }
  await expect(html).toHaveAttribute('data-theme', 'dark');
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const dark = await background();

  // The server's HTML is already dark, so nothing light is painted.
  const source = await (await page.context().request.get('/')).text();
  expect(source).toMatch(/<html[^>]*data-theme="dark"/);
  await page.reload({ waitUntil: 'commit' });
  await expect(html).toHaveAttribute('data-theme', 'dark');
  await explore.ready();
  await expect.poll(background).toBe(dark);
});

test('without a choice the theme is the system’s', async ({ explore, page }) => {
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await page.emulateMedia({ colorScheme: 'light' });
  await explore.open();
  const light = await background();
  await page.emulateMedia({ colorScheme: 'dark' });
  await expect.poll(background).not.toBe(light);
});
