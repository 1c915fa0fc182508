// The headers and cookies of each kind of response, and calls that a page of another site makes a browser send.
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bearer, Caller, cookieName, cookieOf, form, guarded, logIn, PASSWORD, secretFile } from '../fixtures/access.ts';
import { EventStream, unique } from '../fixtures/api.ts';
import { Secured } from '../fixtures/certificates.ts';
import type { Doors } from '../fixtures/doors.ts';
import { freePort } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

const editor = unique('editor');

let doors: Doors;
let admin: Caller;
test.beforeAll(async ({ engines }) => {
  ({ doors, admin } = await guarded(engines));
  await admin.createUser({ name: editor, password: PASSWORD, role: 'editor' });
  await admin.push({ service: unique('headers'), message: 'private' });
});
test.afterAll(async () => doors?.remove());

type Head = { status: number; header: (name: string) => string };

/** Checks what every response has. */
function expectSecured({ status, header }: Head, what: string): void {
  const place = `${what} (${status})`;
  expect(header('x-content-type-options'), place).toBe('nosniff');
  expect(header('referrer-policy'), place).toBe('same-origin');
  const policy = header('content-security-policy');
  expect(policy, place).toMatch(/default-src 'none'/);
  expect(policy, place).toMatch(/frame-ancestors 'none'/);
  expect(policy, place).not.toMatch(/(script-src|default-src)[^;]*('unsafe-inline'|'unsafe-eval'|\*|data:|https?:)/);
}

/** Checks a response that may depend on who calls. */
function expectPrivate(head: Head, what: string): void {
  expectSecured(head, what);
  expect(head.header('cache-control'), `${what} (${head.status})`).toContain('no-store');
}

const headOf = (answer: Response): Head => ({ status: answer.status, header: (name) => answer.headers.get(name) ?? '' });

async function fetched(url: string, init: RequestInit = {}): Promise<[Head, string]> {
  const answer = await fetch(url, { redirect: 'manual', ...init });
  return [headOf(answer), await answer.text()];
}

test('each kind of response has the headers, and nothing private is kept by a cache', async () => {
  const html = { accept: 'text/html', ...admin.headers };
  const reads = await admin.createKey({ name: unique('reads'), scopes: ['read'] });
  const json = { 'content-type': 'application/json' };
  const cases: [string, number, string, RequestInit][] = [
    ...['/', '/overview', '/system', '/connect', '/system/access'].map((path): [string, number, string, RequestInit] => ['a page', 200, path, { headers: html }]),
    ['an unknown page', 404, '/nowhere', { headers: html }],
    ['a page without a session', 303, '/system', { headers: { accept: 'text/html' } }],
    ['the log-in', 200, '/login', {}],
    ['a failed log-in', 303, '/login', { method: 'POST', body: new URLSearchParams({ name: 'nobody', password: 'x', next: '/' }), headers: { origin: doors.url } }],
    ['the set-up of a guarded server', 303, '/setup', {}],
    ['the API', 200, '/api/v1/logs', { headers: admin.headers }],
    ['a query that does not parse', 400, '/api/v1/logs?query=(', { headers: admin.headers }],
    ['no credentials', 401, '/api/v1/logs', {}],
    ['a wrong key', 401, '/api/v1/logs', { headers: bearer(`lb_00000000_${'0'.repeat(32)}`) }],
    ['a right that is missing', 403, '/api/v1/keys', { headers: bearer(reads.secret) }],
    ['an unknown call', 404, '/api/v1/nothing', { headers: admin.headers }],
    ['another method', 405, '/api/v1/logs', { method: 'PUT', headers: admin.headers }],
    ['a body that is too large', 413, '/login', { method: 'POST', body: new URLSearchParams({ name: 'x'.repeat(20_000) }), headers: { origin: doors.url } }],
    ['a record that is wrong', 400, '/api/v1/push', { method: 'POST', body: '{', headers: { ...json, ...admin.headers } }],
    ['a page of another origin', 403, '/api/v1/push', { method: 'POST', body: '{}', headers: { ...json, ...admin.headers, origin: 'https://evil.example' } }],
    ['the export', 200, '/api/v1/export', { headers: admin.headers }],
    ['the metrics', 200, '/metrics', { headers: admin.headers }],
    ['the health', 200, '/healthz', {}],
    ['the document of the API', 200, '/api/openapi.json', { headers: admin.headers }],
  ];
  for (const [what, status, path, init] of cases) {
    const [head] = await fetched(`${doors.url}${path}`, init);
    expect(head.status, `${what}: ${path}`).toBe(status);
    // The document is the same for everybody, and may be asked for again by its tag.
    if (path === '/api/openapi.json') expectSecured(head, what);
    else expectPrivate(head, `${what}: ${path}`);
  }
  const events = await EventStream.open(`${doors.url}/api/v1/tail`, admin.headers);
  expectPrivate({ status: 200, header: (name) => events.headers.get(name) ?? '' }, 'a tail');
  events.close();
});

test('files of the site may be kept, and set no cookie', async () => {
  const [, page] = await fetched(`${doors.url}/login`);
  const files = [...page.matchAll(/(?:href|src)="(\/[^"]+\.(?:css|svg|js))"/g)].map(([, path]) => path!);
  expect(files.length).toBeGreaterThan(1);
  for (const path of files) {
    const answer = await fetch(`${doors.url}${path}`);
    expect(answer.status, path).toBe(200);
    expectSecured(headOf(answer), path);
    expect(answer.headers.get('cache-control'), path).toMatch(/immutable|no-cache/);
    expect(answer.headers.getSetCookie(), path).toEqual([]);
  }
});

test('each page has a nonce of its own, which its scripts carry', async () => {
  const nonces = new Set<string>();
  for (let time = 0; time < 5; time++) {
    const [head, page] = await fetched(`${doors.url}/`, { headers: { accept: 'text/html', ...admin.headers } });
    const nonce = /'nonce-([\w-]{16,})'/.exec(head.header('content-security-policy'))?.[1];
    expect(nonce).toBeTruthy();
    for (const [, attributes] of page.matchAll(/<script([^>]*)>/g)) expect(attributes).toContain(`nonce="${nonce}"`);
    nonces.add(nonce!);
  }
  expect(nonces.size).toBe(5);
});

test('the pages of a closed server and the redirect to https have the headers, too', async () => {
  const closed = await Program.unstarted({});
  closed.host = '0.0.0.0';
  const secured = await Secured.start({});
  try {
    await closed.start();
    for (const [path, status] of [['/setup', 200], ['/login', 303], ['/', 303], ['/api/v1/logs', 303]] as const) {
      const [head] = await fetched(`${closed.url}${path}`, { headers: { accept: 'text/html' } });
      expect(head.status, path).toBe(status);
      expectPrivate(head, path);
    }
    const [refused] = await fetched(`${closed.url}/api/v1/push`, { method: 'POST', body: '{}' });
    expect(refused.status).toBe(503);
    expectPrivate(refused, 'a door');
    for (const [method, status] of [['GET', 308], ['POST', 403]] as const) {
      const [head] = await fetched(`http://127.0.0.1:${secured.redirectPort}/`, { method });
      expect(head.status).toBe(status);
      expectPrivate(head, `the redirect, ${method}`);
    }
  } finally {
    await closed.remove();
    await secured.remove();
  }
});

/** Calls with a `Host` of its own, which `fetch` does not allow. */
function callAs(url: string, path: string, host: string, headers: Record<string, string>, body: string): Promise<{ status: number; cookies: string[] }> {
  return new Promise((resolve, reject) => {
    const call = request(`${url}${path}`, { method: 'POST', setHost: false, headers: { host, 'content-type': 'application/x-www-form-urlencoded', ...headers } }, (answer) => {
      answer.resume().once('end', () => resolve({ status: answer.statusCode!, cookies: answer.headers['set-cookie'] ?? [] }));
    });
    call.once('error', reject);
    call.end(body);
  });
}

test('behind a proxy with TLS the cookie is Secure and has the prefix, and the plain one does not count', async () => {
  const program = await Program.start({}, '--admin-password-file', secretFile(PASSWORD), '--public-url', 'https://logs.example.com');
  try {
    const body = new URLSearchParams({ name: 'admin', password: PASSWORD, next: '/' }).toString();
    const proxied = { 'x-forwarded-proto': 'https', origin: 'https://logs.example.com' };
    const { status, cookies } = await callAs(program.url, '/login', 'logs.example.com', proxied, body);
    expect(status).toBe(303);
    const cookie = cookies.find((cookie) => cookie.startsWith('__Host-logboom='))!;
    for (const flag of [/; Secure/i, /; HttpOnly/i, /; SameSite=Lax/i, /; Path=\/(;|$)/i]) expect(cookie).toMatch(flag);
    expect(cookie).not.toMatch(/; Domain/i);
    const token = cookie.split(';')[0]!.split('=')[1]!;
    const proxy = { host: 'logs.example.com', 'x-forwarded-proto': 'https' };
    const statusWith = (cookie: string) => new Promise<number>((resolve, reject) => {
      request(`${program.url}/api/v1/me`, { setHost: false, headers: { ...proxy, cookie } }, (answer) => resolve(answer.resume().statusCode!)).once('error', reject).end();
    });
    expect(await statusWith(`__Host-logboom=${token}`)).toBe(200);
    expect(await statusWith(`logboom=${token}`)).toBe(401);
  } finally {
    await program.remove();
  }
});

test('a log-in takes no session that was there before, and ends it', async () => {
  const name = cookieName(doors.url);
  const status = async (cookie: string) => (await new Caller(doors.url, { cookie }).call('GET', '/api/v1/me')).status;
  const log = async (cookie: string) => cookieOf(await form(doors.url, '/login', { name: editor, password: PASSWORD, next: '/' }, { cookie }))!;
  // One that somebody has made up, and one that is valid: the attacker's own.
  const planted = `${name}=${'a'.repeat(43)}`;
  const attackers = (await logIn(doors.url, editor, PASSWORD)).headers.cookie!;
  for (const before of [planted, attackers]) {
    const after = await log(before);
    expect(after).not.toBe(before);
    expect(await status(after)).toBe(200);
    expect(await status(before), 'the old one is worth nothing').toBe(401);
  }
  for (const cookie of [`${name}=`, `${name}="`, `${name}=%00`, `${name}=${'x'.repeat(5000)}`, `${name}; a`, `logboom=${attackers.split('=')[1]}`]) {
    expect(await status(cookie), cookie.slice(0, 80)).toBe(401);
  }
});

test('two servers on one host keep a session each', async ({ browser }) => {
  const other = await Program.start({}, '--admin-password-file', secretFile(PASSWORD), '--otlp-listen', `127.0.0.1:${await freePort()}`);
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const urls = [doors.url, other.url];
    for (const url of urls) {
      await page.goto(`${url}/login`);
      await page.locator('input[name=name]').fill('admin');
      await page.locator('input[name=password]').fill(PASSWORD);
      await page.getByTestId('login').locator('button').click();
      await expect(page).toHaveURL(`${url}/`);
    }
    for (const url of urls) {
      await page.goto(`${url}/system`);
      await expect(page).toHaveURL(`${url}/system`);
      expect(await page.evaluate(async () => (await fetch('/api/v1/me')).status)).toBe(200);
    }
    expect((await context.cookies()).filter(({ httpOnly }) => httpOnly).map(({ name }) => name).sort()).toEqual(urls.map(cookieName).sort());
  } finally {
    await context.close();
    await other.remove();
  }
});

/** The targets of forms, which the document of the API does not have. */
const FORMS = [
  '/login', '/logout', '/setup', '/connect/key', '/system/access/networks', '/system/deletions', '/system/access/people', '/system/access/keys', '/system/access/sessions', '/system/dead-letters', '/system/parts',
  '/system/sinks', '/system/replays', '/system/redaction', '/api/dashboard/ask',
];

test('no call that changes something is taken from a page of another site', async () => {
  type Document = { paths: Record<string, Record<string, unknown>> };
  const { paths } = (await (await admin.get('/api/openapi.json')).json()) as Document;
  const unsafe = Object.entries(paths).flatMap(([path, calls]) =>
    Object.keys(calls).filter((method) => ['post', 'put', 'patch', 'delete'].includes(method)).map((method): [string, string] => [method.toUpperCase(), path.replace(/\{[^}]*\}/g, 'x')]),
  );
  expect(unsafe.length).toBeGreaterThan(15);
  const calls = [...unsafe, ...FORMS.map((path): [string, string] => ['POST', path])];
  const foreign: Record<string, string>[] = [
    { origin: 'https://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }, { origin: `http://127.0.0.1:${doors.program.port + 1}` },
  ];
  for (const [method, path] of calls) {
    for (const headers of foreign) {
      const answer = await fetch(`${doors.url}${path}`, { method, redirect: 'manual', headers: { ...headers, cookie: admin.headers.cookie! } });
      expect(answer.status, `${method} ${path} ${JSON.stringify(headers)}`).toBe(403);
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
  }
  expect((await admin.call('GET', '/api/v1/me')).status, 'the session goes on').toBe(200);
  // It is the origin alone: the same call of an own page is taken, whatever it then says of the missing fields.
  for (const path of FORMS) {
    const { cookie } = (await logIn(doors.url, 'admin', PASSWORD)).headers;
    const answer = await fetch(`${doors.url}${path}`, { method: 'POST', redirect: 'manual', headers: { origin: doors.url, cookie: cookie! } });
    expect([403, 404], path).not.toContain(answer.status);
  }
});

test('no page can be framed', async ({ browser }) => {
  const framing = createServer((_, answer) => {
    answer.setHeader('content-type', 'text/html').end(`<iframe src="${doors.url}/login"></iframe><iframe src="${doors.url}/"></iframe>`);
  });
  await new Promise<void>((resolve) => framing.listen(0, '127.0.0.1', resolve));
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    await page.goto(`http://evil.example:${(framing.address() as AddressInfo).port}/`);
    await expect.poll(() => complaints.filter((text) => text.includes('frame-ancestors')).length).toBeGreaterThanOrEqual(2);
  } finally {
    await context.close();
    framing.close();
  }
});
