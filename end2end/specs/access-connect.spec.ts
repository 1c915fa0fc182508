// The page Connect of a server that needs a key: it fills one into the snippets, which work as they stand.
import { readdirSync } from 'node:fs';
import type { BrowserContext } from '@playwright/test';
import { type Caller, form, guarded, logIn, PASSWORD } from '../fixtures/access.ts';
import type { RecordView } from '../fixtures/api.ts';
import type { Doors } from '../fixtures/doors.ts';
import { until } from '../fixtures/process.ts';
import { Rsyslog } from '../fixtures/rsyslog.ts';
import { folder, isProgram, nameOf, run, runSnippet } from '../fixtures/snippets.ts';
import { expect, test } from '../fixtures/test.ts';

/** The snippets whose protocols carry no key; `grpc-python` reads the methods without one. */
const withoutKey = ['docker', 'fluent-python', 'gelf-python', 'grpc-python', 'logger', 'rsyslog', 'syslog-python', 'tcp'];

let doors: Doors;
let admin: Caller;
let secret: string;
/** The texts of the snippets with the key, by name. */
const texts = new Map<string, string>();

/** Logs the browser in with the session of a caller. */
async function enter(context: BrowserContext, caller: Caller): Promise<void> {
  const [name, value] = caller.headers.cookie!.split('=') as [string, string];
  await context.addCookies([{ name, value, url: caller.url }]);
}

test.beforeAll(async ({ engines, browser }) => {
  ({ doors, admin } = await guarded(engines));
  const context = await browser.newContext({ javaScriptEnabled: false });
  await enter(context, admin);
  const page = await context.newPage();
  await page.goto(`${doors.url}/connect`);
  const form = page.getByTestId('connect-key');
  await form.locator('input[name=name]').fill('snippets of a test');
  await form.locator('button').click();
  secret = (await page.getByTestId('secret').textContent())!;
  expect(secret).toMatch(/^lb_[a-z0-9]{8}_[a-z0-9]{32}$/);
  expect(page.url()).toBe(`${doors.url}/connect/key`);
  for (const file of readdirSync(folder)) {
    const name = nameOf(file);
    texts.set(name, (await page.getByTestId(`snippet-${name}`).textContent())!);
  }
  await context.close();
});
test.afterAll(async () => doors.remove());

/** Waits for the one record of a snippet. */
async function logged(name: string): Promise<void> {
  const message = `hello from ${name}`;
  const found = async () => (await admin.logs(`"${message}"`)).filter((record: RecordView) => record.message === message);
  await until('the record is stored', async () => (await found()).length > 0);
  expect(await found()).toHaveLength(1);
}

const takesKey = (file: string) => !withoutKey.includes(nameOf(file));
for (const file of readdirSync(folder).filter((file) => isProgram(file) && takesKey(file))) {
  test(`${file} logs with the key that Connect has filled in`, async ({}, testInfo) => {
    const name = nameOf(file);
    expect(texts.get(name)).toContain(secret);
    await runSnippet(file, texts.get(name)!, doors.program, testInfo);
    await logged(name);
  });
}

test('rsyslog-elasticsearch.conf logs with the key that Connect has filled in', async () => {
  const name = 'rsyslog-elasticsearch';
  expect(texts.get(name)).toContain(secret);
  const rsyslog = await Rsyslog.start(texts.get(name)!);
  try {
    await run('logger', ['--server', '127.0.0.1', '--port', String(rsyslog.port), '--udp', '--rfc3164', '--tag', 'shop', `hello from ${name}`]);
    await logged(name);
  } finally {
    await rsyslog.stop();
  }
});

test('a protocol without keys is shown without one, and the page of the key is kept nowhere', async () => {
  for (const name of withoutKey) expect(texts.get(name), name).not.toContain('lb_');
  const answer = await form(doors.url, '/connect/key', { name: 'kept nowhere' }, admin.headers);
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store']);
  const refused = await form(doors.url, '/connect/key', { name: 'x'.repeat(100) }, admin.headers);
  expect(await refused.text()).toContain('name has 100 bytes');
  const keys = (await admin.ask('GET', '/api/v1/keys')) as { name: string; scopes: string[]; created_by: string }[];
  expect(keys.find(({ name }) => name === 'kept nowhere')).toMatchObject({ scopes: ['write'], created_by: 'user admin' });
});

test('the list of keys has the last use of the key', async ({ page }) => {
  const before = Date.now();
  const key = await admin.createKey({ name: 'used by a test', scopes: ['write'] });
  const listed = async () =>
    ((await admin.ask('GET', '/api/v1/keys')) as { id: string; last_used?: string; last_address?: string }[]).find(({ id }) => id === key.id)!;
  expect((await listed()).last_used).toBeUndefined();
  const push = () => fetch(`${doors.url}/api/v1/push`, { method: 'POST', body: '{"message":"used"}', headers: { 'content-type': 'application/json', authorization: `Bearer ${key.secret}` } });
  expect((await push()).status).toBe(200);
  const used = await listed();
  expect(Date.parse(used.last_used!)).toBeGreaterThanOrEqual(before - 1);
  expect(used.last_address).toBe('127.0.0.1');
  await enter(page.context(), admin);
  await page.goto(`${doors.url}/system/access`);
  const row = page.getByTestId('key').filter({ hasText: 'used by a test' });
  await expect(row.getByTestId('key-used')).toContainText('127.0.0.1');
  // It is stored soon after the call, so a restart keeps it.
  await doors.program.stop();
  await doors.program.start();
  expect(await listed()).toMatchObject({ last_used: used.last_used, last_address: '127.0.0.1' });
  await admin.revokeKey(key.id);
});

for (const javaScriptEnabled of [true, false]) {
  test(`a viewer sees a placeholder and whom to ask, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, async ({ browser }) => {
    const name = javaScriptEnabled ? 'viewer-with' : 'viewer-without';
    await admin.createUser({ name, password: PASSWORD, role: 'viewer' });
    const viewer = await logIn(doors.url, name, PASSWORD);
    const context = await browser.newContext({ javaScriptEnabled });
    try {
      await enter(context, viewer);
      const page = await context.newPage();
      await page.goto(`${doors.url}/connect`);
      await expect(page.getByTestId('ask-for-key')).toBeVisible();
      await expect(page.getByTestId('snippet-curl')).toContainText('authorization: Bearer lb_…');
      await expect(page.getByTestId('snippet-logger')).not.toContainText('lb_');
      await expect(page.getByTestId('connect-key')).toHaveCount(0);
      expect((await form(doors.url, '/connect/key', { name: 'not allowed' }, viewer.headers)).status).toBe(403);
    } finally {
      await context.close();
    }
  });
}

test('an open server shows no key', async ({ page }) => {
  await page.goto('/connect');
  await expect(page.getByTestId('snippet-curl')).toContainText('/api/v1/push');
  await expect(page.locator('main')).not.toContainText('lb_');
  await expect(page.getByTestId('connect-key')).toHaveCount(0);
});
