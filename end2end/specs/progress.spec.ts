// A long search shows the matches so far, and continues automatically.
import { Api, unique } from '../fixtures/api.ts';
import { Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';
import { Explore } from '../pages/explore.ts';

test('a search that is answered in part goes on until it is done', async ({ page }) => {
  // Each response arrives as soon as anything was scanned.
  const program = await Program.start({}, '--search-patience', '0s');
  try {
    const api = new Api(program.url);
    const service = unique('progress');
    // Each call is a separate block to scan; the match is in the oldest.
    const base = Date.now() - 600_000;
    for (let n = 0; n < 300; n++) {
      await api.push({ service, time: base + n, message: n === 0 ? 'a needle' : `hay ${n}` });
    }
    await expect.poll(async () => (await api.logs(`service:${service}`)).length).toBe(300);

    const seen: string[] = [];
    page.on('request', (request) => {
      if (request.postData()?.includes('"Logs"')) seen.push(request.url());
    });
    const explore = new Explore(page);
    await page.goto(`${program.url}/?range=1h&q=needle`);
    await expect(explore.messages).toHaveText(['a needle']);
    await expect(page.getByTestId('beginning')).toBeVisible();
    expect(seen.length, 'steps of the search').toBeGreaterThan(1);

    // Without a match it ends and reports so.
    await page.goto(`${program.url}/?range=1h&q=nowhere-to-be-found`);
    await expect(page.getByTestId('empty-state')).toBeVisible();
  } finally {
    await program.remove();
  }
});
