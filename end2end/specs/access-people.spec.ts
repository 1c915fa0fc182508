// People: log-in and sessions, roles, what a viewer sees, and what pages of others cannot do.
import type { BrowserContext, Page } from '@playwright/test';
import { EventStream, stored, unique } from '../fixtures/api.ts';
import { bearer, Caller, cookieName, cookieOf, form, guarded, logIn, PASSWORD } from '../fixtures/access.ts';
import type { Doors } from '../fixtures/doors.ts';
import { until } from '../fixtures/process.ts';
import { expect, test } from '../fixtures/test.ts';

let doors: Doors;
let boss: Caller;
const people = { viewer: unique('viewer'), editor: unique('editor') };
test.beforeAll(async ({ engines }) => {
  ({ doors, admin: boss } = await guarded(engines));
  for (const role of ['viewer', 'editor'] as const) await boss.createUser({ name: people[role], password: PASSWORD, role });
});
test.afterAll(async () => doors.remove());

/** Logs in by the page. */
async function logInBy(page: Page, name: string, password: string): Promise<void> {
  await page.locator('input[name=name]').fill(name);
  await page.locator('input[name=password]').fill(password);
  await page.getByTestId('login').locator('button').click();
}

async function opened(context: BrowserContext, name: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${doors.url}/login`);
  await logInBy(page, name, PASSWORD);
  await expect(page).toHaveURL(`${doors.url}/`);
  return page;
}

for (const javaScriptEnabled of [true, false]) {
  test(`a page leads to the log-in and back, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, async ({ browser }) => {
    const context = await browser.newContext({ javaScriptEnabled });
    const page = await context.newPage();
    await page.goto(`${doors.url}/system?a=b`);
    await expect(page).toHaveURL(/\/login\?next=/);
    await logInBy(page, 'admin', 'a wrong password');
    await expect(page.getByTestId('entrance-error')).toHaveText('The name or the password is wrong.');
    await logInBy(page, 'admin', PASSWORD);
    await expect(page).toHaveURL(`${doors.url}/system?a=b`);
    await context.close();
  });
}

test('an unknown name and a wrong password are the same, also in time', async () => {
  const attempt = async (name: string) => {
    const began = Date.now();
    const answer = await form(doors.url, '/login', { name, password: 'a wrong password', next: '/' });
    return { took: Date.now() - began, status: answer.status, location: answer.headers.get('location') };
  };
  const [known, unknown] = [await attempt(people.viewer), await attempt(unique('nobody'))];
  for (const { status, location } of [known, unknown]) expect([status, location]).toEqual([303, '/login?error=wrong&next=%2F']);
  // Both take the work of argon2.
  for (const { took } of [known, unknown]) expect(took).toBeGreaterThan(100);
});

test('the cookie is HttpOnly, SameSite=Lax, of the whole site and kept for days; no other one makes a session', async () => {
  const planted = `${cookieName(doors.url)}=planted-by-somebody`;
  const answer = await form(doors.url, '/login', { name: people.viewer, password: PASSWORD, next: '/' }, { cookie: planted });
  const cookie = answer.headers.getSetCookie().find((cookie) => cookie.startsWith(`${cookieName(doors.url)}=`))!;
  expect(cookie).toMatch(/; HttpOnly/i);
  expect(cookie).toMatch(/; SameSite=Lax/i);
  expect(cookie).toMatch(/; Path=\/(;|$)/i);
  expect(cookie).toMatch(/; Max-Age=\d{6,}/i);
  expect(cookie, 'without TLS a browser would refuse it').not.toMatch(/; Secure/i);
  // The token is new, and the planted one stays worthless (session fixation).
  expect(cookieOf(answer)).not.toBe(planted);
  expect((await new Caller(doors.url, { cookie: planted }).call('GET', '/api/v1/me')).status).toBe(401);
  expect(answer.headers.get('cache-control')).toContain('no-store');
  const again = await logIn(doors.url, people.viewer, PASSWORD);
  expect(again.headers.cookie).not.toBe(cookieOf(answer));
});

test('a log-out ends this session, and no other', async () => {
  const [one, other] = [await logIn(doors.url, people.viewer, PASSWORD), await logIn(doors.url, people.viewer, PASSWORD)];
  const answer = await form(doors.url, '/logout', {}, one.headers);
  expect(answer.headers.getSetCookie().join()).toMatch(/logboom-\d+=;.*Max-Age=0/i);
  expect((await one.call('GET', '/api/v1/me')).status).toBe(401);
  expect(await other.ask('GET', '/api/v1/me')).toMatchObject({ kind: 'user', name: `user ${people.viewer}` });
});

test('a revoked session ends its open tails, in a page and in a program', async ({ browser }) => {
  const name = unique('ended');
  await boss.createUser({ name, password: PASSWORD, role: 'viewer' });
  const context = await browser.newContext();
  const page = await opened(context, name);
  await expect(page.getByTestId('live-status')).toHaveAttribute('data-state', 'live');
  const program = await logIn(doors.url, name, PASSWORD);
  const tail = await EventStream.open(`${doors.url}/api/v1/tail`, program.headers);
  const sessions = ((await boss.ask('GET', '/api/v1/sessions')) as { id: string; user: string }[]).filter(({ user }) => user === name);
  expect(sessions).toHaveLength(2);
  for (const { id } of sessions) await boss.ask('DELETE', `/api/v1/sessions/${id}`);
  await expect(async () => {
    for (;;) await tail.next();
  }).rejects.toThrow();
  await expect(page.getByTestId('live-status')).not.toHaveAttribute('data-state', 'live');
  expect((await program.call('GET', '/api/v1/me')).status).toBe(401);
  await page.reload();
  await expect(page).toHaveURL(/\/login/);
  await context.close();
});

test('a new password ends the sessions of the user', async () => {
  const name = unique('renewed');
  await boss.createUser({ name, password: PASSWORD, role: 'editor' });
  const session = await logIn(doors.url, name, PASSWORD);
  await boss.ask('PATCH', `/api/v1/users/${name}`, { password: 'a new password of a test' });
  expect((await session.call('GET', '/api/v1/me')).status).toBe(401);
  await expect(logIn(doors.url, name, PASSWORD)).rejects.toThrow();
  await logIn(doors.url, name, 'a new password of a test');
});

test('a viewer reads, an editor saves views as well, an admin does everything', async () => {
  const [viewer, editor] = [await logIn(doors.url, people.viewer, PASSWORD), await logIn(doors.url, people.editor, PASSWORD)];
  const view = unique('view');
  const needs: [string, string, object | undefined, number, number, number][] = [
    ['GET', '/api/v1/logs', undefined, 200, 200, 200],
    ['PUT', `/api/v1/views/${view}`, { address: '/?query=level:error' }, 403, 200, 200],
    ['POST', '/api/v1/push', { message: 'm' }, 403, 403, 200],
    ['GET', '/api/v1/keys', undefined, 403, 403, 200],
    ['GET', '/api/v1/users', undefined, 403, 403, 200],
    ['GET', '/api/v1/sessions', undefined, 403, 403, 200],
    ['POST', '/api/v1/keys', { name: 'k', scopes: ['read'] }, 403, 403, 201],
    ['DELETE', '/api/v1/dead-letters?all=true', undefined, 403, 200, 200],
    ['DELETE', '/api/v1/parts/aside/none', undefined, 403, 403, 404],
  ];
  for (const [method, path, body, ...expected] of needs) {
    const got = [];
    for (const caller of [viewer, editor, boss]) {
      const { status } = await caller.call(method, path, body);
      got.push(status === 204 || (status === 201 && path.includes('views')) ? 200 : status);
    }
    expect(got, `${method} ${path}`).toEqual(expected);
  }
  const refusal = await (await viewer.call('GET', '/api/v1/keys')).text();
  expect(refusal).toContain(people.viewer);
});

test('a viewer with a filter and hidden fields sees nothing else, in the page, its tail and its links', async ({ browser }) => {
  const [seen, unseen, word] = [unique('seen'), unique('unseen'), unique('forbiddenword').replace('-', '')];
  const name = unique('narrow');
  await boss.createUser({ name, password: PASSWORD, role: 'viewer', filter: `service:${seen}`, hidden: ['card'] });
  await boss.push({ service: seen, message: 'shown', card: word }, { service: unseen, message: word });
  await stored(boss, seen);
  const [hidden] = await stored(boss, unseen);
  const context = await browser.newContext();
  const page = await opened(context, name);
  const bodies: string[] = [];
  page.on('response', async (response) => {
    if (!response.headers()['content-type']?.includes('event-stream')) bodies.push(await response.text().catch(() => ''));
  });
  for (const path of ['/', '/?q=card:*', `/?q=service:${unseen}`, '/patterns', '/overview', '/connect', `/log/${hidden!.id}`]) {
    await page.goto(`${doors.url}${path}`);
    bodies.push(await page.content());
  }
  await page.goto(`${doors.url}/`);
  await expect(page.getByTestId('live-status')).toHaveAttribute('data-state', 'live');
  await boss.push({ service: unseen, message: word }, { service: seen, message: 'live', card: word });
  await expect(page.getByTestId('log-message').filter({ hasText: /^live$/ })).toBeVisible();
  bodies.push(await page.content());
  for (const body of bodies) expect(body).not.toContain(word);
  await context.close();
});

test('next leads to this server alone', async () => {
  const leads = async (next: string) => {
    const answer = await form(doors.url, '/login', { name: people.viewer, password: PASSWORD, next });
    return answer.headers.get('location');
  };
  expect(await leads('/patterns?q=a%20b')).toBe('/patterns?q=a%20b');
  const elsewhere = [
    'https://evil.example/', '//evil.example/', '/\\evil.example/', '\\\\evil.example', 'javascript:alert(1)', 'evil.example', '/\t/evil.example/',
    ' //evil.example', '///evil.example', 'http:evil.example', '/%0d%0aset-cookie:a=b',
  ];
  for (const next of elsewhere) {
    const location = (await leads(next)) ?? '/';
    expect(new URL(location, doors.url).origin, next).toBe(doors.url);
  }
});

test('a page of another origin changes nothing with the cookie of a user', async () => {
  const session = await logIn(doors.url, people.editor, PASSWORD);
  const cookie = session.headers.cookie!;
  const view = unique('forged');
  const foreign: Record<string, string>[] = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' },
    { origin: doors.url.replace('127.0.0.1', 'localhost'), 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' },
  ];
  for (const headers of foreign) {
    const put = await fetch(`${doors.url}/api/v1/views/${view}`, { method: 'PUT', body: '{"query":""}', headers: { ...headers, cookie, 'content-type': 'application/json' } });
    expect([401, 403], JSON.stringify(headers)).toContain(put.status);
    const read = await fetch(`${doors.url}/api/v1/logs`, { headers: { ...headers, cookie } });
    expect(read.headers.get('access-control-allow-credentials')).toBeNull();
    // Nobody is logged in or out by a foreign page.
    const forms: [string, Record<string, string>][] = [['/login', { name: people.viewer, password: PASSWORD, next: '/' }], ['/logout', {}]];
    for (const [path, fields] of forms) {
      const answer = await form(doors.url, path, fields, { ...headers, cookie });
      expect(answer.status, `${path} ${JSON.stringify(headers)}`).toBe(403);
    }
  }
  expect((await session.call('GET', `/api/v1/views`)).status, 'the session is still there').toBe(200);
  expect(await (await session.call('GET', '/api/v1/views')).text()).not.toContain(view);
});

test('the pages of entrance cannot be framed or kept, and run no foreign script', async () => {
  const pages: [string, number][] = [['/login', 200], ['/login?next=%22%3E%3Cscript%3Ealert(1)%3C/script%3E', 200]];
  for (const [path, expected] of pages) {
    const answer = await fetch(`${doors.url}${path}`);
    expect(answer.status).toBe(expected);
    expect(answer.headers.get('content-security-policy')).toMatch(/frame-ancestors 'none'/);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('cache-control')).toContain('no-store');
    expect(await answer.text()).not.toContain('<script>alert');
  }
  const set = await fetch(`${doors.url}/setup`, { redirect: 'manual' });
  expect(set.status, 'there is nothing to set up').not.toBe(200);
});

test('the last admin stays, and a removed user is out at once', async () => {
  expect((await boss.call('DELETE', '/api/v1/users/admin')).status).toBe(409);
  const name = unique('removed');
  await boss.createUser({ name, password: PASSWORD, role: 'admin' });
  const session = await logIn(doors.url, name, PASSWORD);
  const tail = await EventStream.open(`${doors.url}/api/v1/tail`, session.headers);
  await boss.ask('DELETE', `/api/v1/users/${name}`);
  await expect(async () => {
    for (;;) await tail.next();
  }).rejects.toThrow();
  expect((await session.call('GET', '/api/v1/me')).status).toBe(401);
});

test('documents with hashes are in no export and cannot be imported', async () => {
  const { secret } = await boss.createKey({ name: 'exported', scopes: ['read'] });
  const text = await (await boss.call('GET', '/api/v1/documents')).text();
  expect(text).not.toMatch(/argon2|sha256/i);
  for (const kind of ['key', 'user', 'session', 'setup']) {
    expect((await boss.call('GET', `/api/v1/documents?kind=${kind}`)).status, kind).toBe(400);
  }
  expect(await (await new Caller(doors.url, bearer(secret)).call('GET', '/api/v1/documents')).text()).not.toMatch(/argon2|sha256/i);
});


// Failures slow the address of all these tests, so each has a server of its own.
test('failed log-ins are slowed for the account, also with the right password then', async ({ engines }) => {
  const { doors, admin: boss } = await guarded(engines);
  try {
    const name = unique('slowed');
    await boss.createUser({ name, password: PASSWORD, role: 'viewer' });
    const location = async () => (await form(doors.url, '/login', { name, password: 'a wrong password', next: '/' })).headers.get('location');
    const places: (string | null)[] = [];
    while (places.length < 12 && !places.at(-1)?.includes('error=slow')) places.push(await location());
    expect(places.at(-1)).toMatch(/^\/login\?error=slow&wait=\d+/);
    expect(places.length, 'a few slips are free').toBeGreaterThan(3);
    // The first wait is a second, which may pass on a busy machine before the next call. Then it has to be slowed again.
    const attempt = async () => cookieOf(await form(doors.url, '/login', { name, password: PASSWORD, next: '/' }));
    let entered = await attempt();
    for (let more = 0; more < 5 && entered !== undefined; more += 1) {
      await until('it is slowed again', async () => (await location())?.includes('error=slow') ?? false);
      entered = await attempt();
    }
    expect(entered).toBeUndefined();
    await until('the account may try again', async () => (await attempt()) !== undefined, 120, 1000);
  } finally {
    await doors.remove();
  }
});

test('a hundred log-ins at once do not hold back the doors', async ({ engines }) => {
  const { doors, admin: boss } = await guarded(engines);
  try {
    const { secret } = await boss.createKey({ name: 'busy', scopes: ['write'] });
    const attempts = Array.from({ length: 100 }, (_, n) => form(doors.url, '/login', { name: `nobody${n}`, password: 'a wrong password', next: '/' }));
    const began = Date.now();
    for (let n = 0; n < 20; n += 1) {
      expect((await new Caller(doors.url, bearer(secret)).post('{"message":"m"}')).status).toBe(200);
    }
    // Far less than the log-ins would take one after the other on a slow machine, and less than senders wait.
    expect(Date.now() - began).toBeLessThan(60_000);
    expect((await Promise.all(attempts)).map(cookieOf).filter(Boolean), 'none of them is let in').toEqual([]);
  } finally {
    await doors.remove();
  }
});
