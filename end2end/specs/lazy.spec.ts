// Lazily loaded pages and panels: their code is loaded on first use, and never from another version.
import type { Page } from '@playwright/test';
import { unique } from '../fixtures/api.ts';
import { expect, test } from '../fixtures/test.ts';

const hydrated = 'body[data-hydrated=true]';
/** Files of the lazily loaded pages: one for each, and chunks that several of them share. */
const isSplit = (path: string) => /\/(split|chunk)_[^/]*\.wasm$/.test(path);

/** The documents that the browser requests from now on. */
function documents(page: Page): string[] {
  const opened: string[] = [];
  page.on('request', (request) => request.isNavigationRequest() && opened.push(request.url()));
  return opened;
}

/** The number of failed requests for the code of a page or panel, from now on. */
function failures(page: Page, name: string): () => number {
  let count = 0;
  page.on('requestfailed', (request) => (count += Number(request.url().includes(`/split_${name}`))));
  return () => count;
}

/** Holds back what was split off, until the returned function lets the requests fail. */
async function holdSplit(page: Page): Promise<() => void> {
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route(
    (url) => isSplit(url.pathname),
    async (route) => {
      await released;
      // The page may be gone.
      await route.abort().catch(() => {});
    },
  );
  return release;
}

/** Marks the document, and tells later whether it is still the same. */
async function mark(page: Page): Promise<() => Promise<boolean>> {
  await page.evaluate(() => Object.assign(window, { isMarked: true }));
  return () => page.evaluate(() => 'isMarked' in window);
}

test('the code of a page is loaded when a link first leads there', async ({ explore, page }) => {
  const loaded: string[] = [];
  page.on('request', (request) => loaded.push(new URL(request.url()).pathname));
  await explore.open();
  const split = () => loaded.filter(isSplit);
  expect(split()).toEqual([]);
  for (const [link, address, test] of [
    ['System', '/system', 'card-store'],
    ['Connect', '/connect', 'snippet-curl'],
    ['Overview', '/overview', 'tile-stored'],
  ] as const) {
    await page.getByRole('link', { name: link, exact: true }).first().click();
    await expect(page).toHaveURL(address);
    await expect(page.getByTestId(test)).toBeVisible();
    expect(split().some((path) => path.includes(`/split_${address.slice(1)}_page`))).toBe(true);
  }
  // The pages share code, so the filter above has seen both kinds of files.
  expect(split().some((path) => path.includes('/chunk_'))).toBe(true);
  // None of them caused a document load.
  expect(loaded.filter((path) => ['/system', '/connect', '/overview'].includes(path))).toEqual([]);
});

test('a page whose code cannot be loaded is opened from the server', async ({ explore, page }) => {
  await explore.open();
  const opened = documents(page);
  const failed = failures(page, 'system_page');
  await page.route((url) => isSplit(url.pathname), (route) => route.abort());
  await page.getByRole('link', { name: 'System', exact: true }).first().click();
  await expect(page).toHaveURL('/system');
  await expect(page.getByTestId('card-store')).toBeVisible();
  // The page from the server needs the code as well, and stays as it is. Its links work.
  await expect.poll(failed).toBe(2);
  await page.unrouteAll();
  await page.getByRole('link', { name: 'Overview', exact: true }).first().click();
  await expect(page).toHaveURL('/overview');
  await expect(page.locator(hydrated)).toBeAttached();
  expect(opened).toHaveLength(2);
});

test('the code of a panel is loaded when it is first shown, and with a page that shows it', async ({ api, explore, page }) => {
  const service = unique('panel');
  await api.store({ service, message: 'one of a kind' });
  const loaded: string[] = [];
  page.on('request', (request) => loaded.push(new URL(request.url()).pathname));
  const panels = () => loaded.filter((path) => /\/split_[a-z]+_panel[^/]*\.wasm$/.test(path));
  await explore.open({ q: `service:${service}`, range: '1h' });
  await expect(explore.rows).toHaveCount(1);
  expect(panels()).toEqual([]);

  await page.getByTestId('tab-patterns').click();
  await expect(page.getByTestId('pattern')).toHaveCount(1);
  expect(panels()).toEqual([expect.stringContaining('/split_patterns_panel')]);
  await page.getByTestId('tab-records').click();
  const detail = await explore.expand('one of a kind');
  await detail.getByTestId('show-context').click();
  await expect(page.getByTestId('beside-row')).toHaveCount(1);
  expect(panels().map((path) => /split_[a-z]+/.exec(path)?.[0])).toEqual(['split_patterns', 'split_beside']);

  // A page that the server has rendered with a panel loads the code first, and is interactive then.
  loaded.length = 0;
  await page.reload();
  await explore.ready();
  expect(panels()).toEqual([expect.stringContaining('/split_beside_panel')]);
  await page.getByTestId('beside-close').click();
  await expect(page.getByTestId('beside')).toHaveCount(0);
});

test('a panel whose code cannot be loaded is shown by the server', async ({ api, explore, page }) => {
  const service = unique('panel');
  await api.store({ service, message: 'one of a kind' });
  await explore.open({ q: `service:${service}`, range: '1h' });
  const opened = documents(page);
  const failed = failures(page, 'patterns_panel');
  await page.route((url) => isSplit(url.pathname), (route) => route.abort());
  await page.getByTestId('tab-patterns').click();
  await expect.poll(() => opened.length).toBe(1);
  await expect(page.getByTestId('pattern')).toHaveCount(1);
  await expect(page).toHaveURL(/show=patterns/);
  // The page from the server needs the code as well, and stays as it is. Its links work.
  await expect.poll(failed).toBe(2);
  await expect(page.locator(hydrated)).toHaveCount(0);
  await page.getByTestId('tab-records').click();
  await explore.ready();
  await expect(explore.rows).toHaveCount(1);
  expect(opened).toHaveLength(2);
});

test('a link that is followed before the code of a page is there is opened from the server', async ({
  api,
  explore,
  page,
}) => {
  const service = unique('panel');
  await api.store({ service, message: 'one of a kind' });
  const release = await holdSplit(page);
  const opened = documents(page);
  const asked = page.waitForRequest((request) => isSplit(new URL(request.url()).pathname));
  await page.goto(`/?q=service:${service}&range=1h&show=patterns`);
  await asked;
  await expect(page.getByTestId('pattern')).toHaveCount(1);
  await expect(page.locator(hydrated)).toHaveCount(0);
  await page.getByTestId('tab-records').click();
  await explore.ready();
  await expect(explore.rows).toHaveCount(1);
  expect(opened).toHaveLength(2);
  release();
  // The way back leads to the panel.
  await page.unrouteAll();
  await page.goBack();
  await expect(page.getByTestId('pattern')).toHaveCount(1);
});

test('a panel that is closed before its code is there stays closed', async ({ api, explore, page }) => {
  const service = unique('panel');
  await api.store({ service, message: 'one of a kind' });
  await explore.open({ q: `service:${service}`, range: '1h' });
  const isSame = await mark(page);
  const release = await holdSplit(page);
  const failed = page.waitForEvent('requestfailed', (request) => isSplit(new URL(request.url()).pathname));
  const detail = await explore.expand('one of a kind');
  await detail.getByTestId('show-context').click();
  await expect(page).toHaveURL(/context=/);
  await page.keyboard.press('Escape');
  await expect(page).not.toHaveURL(/context=/);
  // A failure matters no longer, and the next attempt begins anew.
  release();
  await failed;
  await expect(page.getByTestId('beside')).toHaveCount(0);
  await page.unrouteAll();
  await detail.getByTestId('show-context').click();
  await expect(page.getByTestId('beside-row')).toHaveCount(1);
  expect(await isSame()).toBe(true);
});

test('a panel that is opened while the server is away appears once it is back', async ({ api, explore, page }) => {
  const service = unique('panel');
  await api.store({ service, message: 'one of a kind' });
  await explore.open({ q: `service:${service}`, range: '1h' });
  const isSame = await mark(page);
  const failed = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/api/dashboard/ask'));
  await page.context().setOffline(true);
  await page.getByTestId('tab-patterns').click();
  await failed;
  await expect(page.locator('main').getByTestId('loading')).toBeVisible();
  await page.context().setOffline(false);
  await expect(page.getByTestId('pattern')).toHaveCount(1);
  expect(await isSame()).toBe(true);
});

test('what was split off one version is not given to a page of another', async ({ api, page }) => {
  const loaded: string[] = [];
  page.on('response', (response) => loaded.push(new URL(response.url()).pathname));
  // The page is interactive once its code is there.
  const arrived = page.waitForResponse((response) => response.url().includes('/split_system_page'));
  await page.goto('/system');
  await expect(page.locator(hydrated)).toBeAttached();
  const split = new URL((await arrived).url()).pathname;
  expect(split).toMatch(/^\/v\/[0-9a-f]+\/pkg\//);
  const of = (path: string) => page.context().request.get(`${api.url}${path}`);
  expect((await of(split)).status()).toBe(200);
  const other = (path: string) => path.replace(/^\/v\/[0-9a-f]+/, '/v/0123456789abcdef');
  expect((await of(other(split))).status()).toBe(404);
  // Other files exist under any version.
  const main = loaded.find((path) => path.endsWith('/logboom.js'));
  expect((await of(other(main ?? ''))).status()).toBe(200);
});
