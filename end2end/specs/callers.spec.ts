// Web pages that call the server: its own, under their policy; those of localhost; and others.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from '@playwright/test';
import { unique } from '../fixtures/api.ts';
import { expect, test } from '../fixtures/test.ts';

/** Collects the browser's complaints about a page. */
async function complaints(page: Page): Promise<string[]> {
  const found: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') found.push(`${page.url()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => found.push(`${page.url()}: ${error.message}`));
  await page.exposeFunction('heldAgainst', (text: string) => found.push(`${page.url()}: ${text}`));
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (violation) => {
      (window as unknown as { heldAgainst(text: string): void }).heldAgainst(
        `${violation.violatedDirective} ${violation.blockedURI} ${violation.sample}`,
      );
    });
  });
  return found;
}

for (const theme of ['light', 'dark'] as const) {
  test(`no page breaks its own policy, ${theme}`, async ({ api, explore, page }) => {
    const found = await complaints(page);
    await page.emulateMedia({ colorScheme: theme });
    const service = unique('policy');
    await api.store({ service, level: 'error', message: 'first', status: 500 }, { service, message: 'second', status: 200 });

    const answer = await page.goto(`/?q=service:${service}`);
    const policy = answer!.headers()['content-security-policy'];
    const nonce = /script-src 'self' 'nonce-([\w-]{22})' 'wasm-unsafe-eval';/.exec(policy!)?.[1];
    expect(nonce, policy).toBeTruthy();
    expect(policy).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(policy).not.toMatch(/script-src[^;]*unsafe-inline|unsafe-eval'(?<!wasm-unsafe-eval')/);
    const inline = [...(await answer!.text()).matchAll(/<script([^>]*)>/g)].map((script) => script[1]!);
    expect(inline.length).toBeGreaterThan(0);
    for (const attributes of inline) expect(attributes).toContain(`nonce="${nonce}"`);
    const again = await page.request.get('/');
    expect(again.headers()['content-security-policy']).not.toContain(nonce!);

    // With a live tail, a new record, the histogram, a record's details, and the menus.
    await explore.ready();
    await explore.expectState('live');
    await api.push({ service, message: 'third' });
    await expect(explore.messages).toHaveText(['first', 'second', 'third']);
    await explore.row('first').click();
    await page.getByTestId('views').locator('summary').click();
    await page.keyboard.press('Escape');
    await page.getByTestId('export').locator('summary').click();
    const download = page.waitForEvent('download');
    await page.getByTestId('export-csv').click();
    await (await download).path();
    await page.keyboard.press('Escape');
    await page.getByTestId('help-open').click();
    await expect(page.getByTestId('help')).toBeVisible();
    await page.keyboard.press('Escape');
    await page.getByTestId('theme-toggle').click();
    for (const path of ['/overview', '/system', '/connect', `/?q=service:${service}&range=1h`, '/dashboard', '/nowhere']) {
      await page.goto(path);
      await explore.ready();
    }
    // The unknown address is answered with 404, which the browser reports.
    expect(found.filter((complaint) => !/nowhere.*404/.test(complaint))).toEqual([]);
  });
}

/** Another server, whose pages call ours. */
async function another(): Promise<Server> {
  const server = createServer((_, answer) => {
    answer.setHeader('content-type', 'text/html').end('<!doctype html><title>a page</title>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const port = (server: Server): number => (server.address() as AddressInfo).port;

/** The result of a call for a page: the status, or that it is blocked. */
const called = (page: Page, url: string, init: RequestInit = {}): Promise<number | string> =>
  page.evaluate(
    ([url, init]) => fetch(url, init).then((answer) => answer.status, () => 'nothing'),
    [url, init] as const,
  );

/** The messages of the first events that a page receives, or that it receives none. */
const streamed = (page: Page, url: string): Promise<string> =>
  page.evaluate(
    (url) =>
      new Promise<string>((resolve) => {
        const source = new EventSource(url);
        source.onmessage = (event) => resolve(JSON.parse(event.data).message);
        source.onerror = () => resolve('nothing');
      }),
    url,
  );

test('a dashboard on another port of localhost reads and sends', async ({ api, page, program }) => {
  const service = unique('dashboard');
  await api.store({ service, message: 'for the dashboard' });
  const server = await another();
  for (const origin of [`http://localhost:${port(server)}`, `http://127.0.0.1:${port(server)}`]) {
    await page.goto(origin);
    expect(await streamed(page, `${program.url}/logs`)).not.toBe('nothing');
    expect(await called(page, `${program.url}/historical-logs`)).toBe(200);
    const body = JSON.stringify({ service, message: `from ${origin}` });
    const headers = { 'content-type': 'application/json' };
    expect(await called(page, `${program.url}/put`, { method: 'POST', headers, body })).toBe(200);
  }
  await expect.poll(async () => (await api.logs(`service:${service}`)).length).toBe(3);
  server.close();
});

test('a page of another site sees nothing and changes nothing', async ({ api, page, program }) => {
  const service = unique('elsewhere');
  await api.store({ service, message: 'not for pages' });
  const server = await another();
  await page.goto(`http://evil.example:${port(server)}`);
  for (const path of ['/logs', '/api/v1/tail']) expect(await streamed(page, `${program.url}${path}`), path).toBe('nothing');
  for (const path of ['/historical-logs', '/api/v1/logs', '/metrics']) {
    expect(await called(page, `${program.url}${path}`), path).toBe('nothing');
  }
  const body = JSON.stringify({ service, message: 'smuggled' });
  for (const path of ['/put', '/api/v1/push', '/_bulk', '/api/dashboard/ask']) {
    // `text/plain` needs no preflight: it reaches the server.
    const simple: RequestInit = { method: 'POST', mode: 'no-cors', headers: { 'content-type': 'text/plain' }, body };
    expect(await called(page, `${program.url}${path}`, simple), path).toBe(0);
    const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
    expect(await called(page, `${program.url}${path}`, json), path).toBe('nothing');
  }
  // Nor by a foreign host name that resolves to this server.
  const here = await page.goto(`http://evil.example:${program.port}/`);
  expect(here!.status()).toBe(421);
  expect(await here!.text()).toContain('--public-url');
  server.close();
  await api.store({ service, message: 'the last' });
  expect((await api.logs(`service:${service}`)).map(({ message }) => message).sort()).toEqual(['not for pages', 'the last']);
});
