// Log-in by an OpenID Connect provider: roles and filters by group, new keys, failures and the way on, and what a page,
// a replayed answer or another browser cannot do.
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { cookieName, cookieOf, form, guarded, PASSWORD, type Caller } from '../fixtures/access.ts';
import { stored, unique } from '../fixtures/api.ts';
import type { Doors } from '../fixtures/doors.ts';
import { failed, Provider, type Quirks, session, Surfer } from '../fixtures/oidc.ts';
import { until } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

/** A guarded server and its provider. */
async function both(...rules: string[]): Promise<{ doors: Doors; admin: Caller; provider: Provider; remove: () => Promise<void> }> {
  const provider = await Provider.unstarted();
  const { doors, admin } = await guarded({}, ...provider.options(...rules));
  const remove = async () => {
    await provider.stop();
    await doors.remove();
  };
  return { doors, admin, provider, remove };
}

/** Logs in by the page of the server and that of the provider. */
async function logInBy(page: Page, person: string): Promise<void> {
  await page.getByTestId('login-oidc').click();
  await page.locator('input[name=login]').fill(person);
  await page.locator('input[name=password]').fill('any');
  await page.locator('button[type=submit]').click();
}

const [seen, unseen] = [unique('seen'), unique('unseen')];

test.describe('with a provider', () => {
  let doors: Doors;
  let boss: Caller;
  let provider: Provider;
  test.beforeAll(async ({ engines }) => {
    provider = await Provider.unstarted();
    const rules = ['ops=admin', 'dev=editor', `narrow=viewer:service:${seen}`, 'CN=All,DC=id,DC=example=viewer'];
    ({ doors, admin: boss } = await guarded(engines, '--log', 'debug', ...provider.options(...rules)));
    await provider.start(doors.url);
  });
  test.afterAll(async () => {
    await provider.stop();
    await doors.remove();
  });

  for (const javaScriptEnabled of [true, false]) {
    test(`a page leads to the provider and back, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, async ({ browser }) => {
      const person = unique('kim');
      await provider.join(person, 'ops');
      const context = await browser.newContext({ javaScriptEnabled });
      const page = await context.newPage();
      await page.goto(`${doors.url}/system?a=b`);
      await expect(page.getByTestId('login-oidc')).toHaveText('Log in with Acme');
      await logInBy(page, person);
      await expect(page).toHaveURL(`${doors.url}/system?a=b`);
      await page.goto(`${doors.url}/system/access`);
      const row = page.getByTestId('person-row').filter({ hasText: `${person}@id.example` });
      await expect(row.getByTestId('external')).toContainText(`http://127.0.0.1:${provider.port}`);
      await expect(row.locator('input[name=password]')).toHaveCount(0);
      await context.close();
    });
  }

  test('the role follows from the groups, and the highest counts', async () => {
    const cases: [string[], string[]][] = [
      [['other', 'ops', 'narrow'], ['write', 'read', 'edit', 'admin']],
      [['dev', 'narrow'], ['read', 'edit']],
      [['CN=All,DC=id,DC=example'], ['read']],
    ];
    for (const [groups, may] of cases) {
      const person = unique('lee');
      await provider.join(person, ...groups);
      const me = await (await session(doors.url, person)).ask('GET', '/api/v1/me');
      expect(me).toMatchObject({ kind: 'user', may });
      expect(me.name).toMatch(new RegExp(`^user ${person}@id\\.example \\(OIDC [0-9a-f]{16}\\)$`));
    }
  });

  test('a viewer with a filter sees nothing else, in the page and by the API', async ({ browser }) => {
    const [person, word] = [unique('narrow'), unique('forbiddenword').replace('-', '')];
    await provider.join(person, 'narrow');
    await boss.push({ service: seen, message: 'shown' }, { service: unseen, message: word });
    await stored(boss, seen);
    await stored(boss, unseen);
    const paths = ['/', `/?q=service:${unseen}`, '/patterns', '/overview'];
    // Somebody without a filter finds the word, so its absence below says something.
    await provider.join(`all-${person}`, 'CN=All,DC=id,DC=example');
    const unfiltered = await browser.newContext();
    const whole = await unfiltered.newPage();
    await whole.goto(`${doors.url}/`);
    await logInBy(whole, `all-${person}`);
    await expect(whole).toHaveURL(`${doors.url}/`);
    await whole.goto(`${doors.url}${paths[1]}`);
    await expect(whole.getByTestId('log-message').filter({ hasText: word }).first()).toBeVisible();
    expect(await whole.content()).toContain(word);
    await unfiltered.close();
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${doors.url}/`);
    await logInBy(page, person);
    await expect(page.getByTestId('log-message').filter({ hasText: /^shown$/ }).first()).toBeVisible();
    for (const path of paths) {
      await page.goto(`${doors.url}${path}`);
      expect(await page.content(), path).not.toContain(word);
    }
    await context.close();
    const viewer = await session(doors.url, person);
    const { records } = await viewer.ask('GET', '/api/v1/logs?limit=1000');
    expect([...new Set(records.map(({ service }: { service: string }) => service))]).toEqual([seen]);
    expect((await viewer.call('GET', '/api/v1/keys')).status).toBe(403);
  });

  test('without a group nobody gets in, and a group that is taken away ends the rights at the next log-in', async () => {
    const person = unique('gone');
    expect((await new Surfer().logIn(doors.url, person)).path).toBe(failed('no-role'));
    await provider.join(person, 'ops');
    const admin = await session(doors.url, person);
    expect((await admin.call('GET', '/api/v1/users')).status).toBe(200);
    await provider.join(person, 'narrow');
    const viewer = await session(doors.url, person);
    expect((await viewer.call('GET', '/api/v1/users')).status).toBe(403);
    expect((await admin.call('GET', '/api/v1/users')).status, 'the older session has ended').toBe(401);
    await provider.join(person);
    const { path, answer } = await new Surfer().logIn(doors.url, person);
    expect([path, cookieOf(answer)]).toEqual([failed('no-role'), undefined]);
    expect((await viewer.call('GET', '/api/v1/me')).status).toBe(401);
    expect(JSON.stringify(await boss.ask('GET', '/api/v1/users'))).not.toContain(person);
    const page = await (await fetch(`${doors.url}${path}`)).text();
    expect(page).toContain('none of your groups may use this server');
  });

  test('a user with a password is never taken over, and an external one has none', async () => {
    const name = unique('twin');
    await boss.createUser({ name: `${name}@id.example`, password: PASSWORD, role: 'admin' });
    await provider.join(name, 'CN=All,DC=id,DC=example');
    const viewer = await session(doors.url, name);
    expect((await viewer.call('GET', '/api/v1/users')).status).toBe(403);
    const users: { name: string; role: string; external?: { label: string } }[] = await boss.ask('GET', '/api/v1/users');
    const twins = users.filter((user) => user.name === `${name}@id.example` || user.external?.label === `${name}@id.example`);
    expect(twins.map(({ role }) => role).sort()).toEqual(['admin', 'viewer']);
    const external = twins.find((user) => user.external)!;
    for (const body of [{ password: PASSWORD }, { role: 'admin' }]) {
      const answer = await boss.call('PATCH', `/api/v1/users/${encodeURIComponent(external.name)}`, body);
      expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('--oidc-role')]);
    }
    const byPassword = await form(doors.url, '/login', { name: external.name, password: '', next: '/' });
    expect(cookieOf(byPassword)).toBeUndefined();
    await boss.ask('DELETE', `/api/v1/users/${encodeURIComponent(external.name)}`);
    expect((await viewer.call('GET', '/api/v1/me')).status).toBe(401);
  });

  test('a log-out ends the session, and a log-in replaces the one of the browser', async () => {
    const person = unique('leaving');
    await provider.join(person, 'dev');
    const surfer = new Surfer();
    await surfer.logIn(doors.url, person);
    const name = cookieName(doors.url);
    const first = surfer.cookies.get(name);
    await surfer.logIn(doors.url, person);
    const second = surfer.cookies.get(name);
    expect(second).not.toBe(first);
    const status = async (token?: string) => (await fetch(`${doors.url}/api/v1/me`, { headers: { cookie: `${name}=${token}` } })).status;
    expect([await status(first), await status(second)]).toEqual([401, 200]);
    await form(doors.url, '/logout', {}, { cookie: `${name}=${second}` });
    expect(await status(second)).toBe(401);
  });

  test('the answer of the provider counts once, in the browser that has asked', async () => {
    const person = unique('once');
    await provider.join(person, 'dev');
    const surfer = new Surfer();
    const address = await surfer.authenticate(doors.url, person);
    const attempt = `${cookieName(doors.url)}-oidc`;
    const kept = surfer.cookies.get(attempt)!;
    const lead = async (browser: Surfer, to: string) => (await browser.call(to)).headers.get('location');
    // Another browser, and an answer for another log-in.
    expect(await lead(new Surfer(), address)).toBe(failed('stale'));
    const other = new Surfer();
    other.cookies.set(attempt, kept);
    expect(await lead(other, address.replace(/state=[^&]*/, 'state=another'))).toBe(failed('stale'));
    expect(await lead(surfer, address)).toBe('/');
    expect(await lead(surfer, address), 'the cookie is gone').toBe(failed('stale'));
    // One who has kept the cookie finds the code used up.
    surfer.cookies.set(attempt, kept);
    expect(await lead(surfer, address)).toBe(failed('refused'));
  });

  test('a token with another nonce, and an answer of another issuer, do not count', async () => {
    const person = unique('nonce');
    await provider.join(person, 'dev');
    const attempt = `${cookieName(doors.url)}-oidc`;
    const surfer = new Surfer();
    const address = await surfer.authenticate(doors.url, person);
    const kept = JSON.parse(Buffer.from(surfer.cookies.get(attempt)!, 'base64url').toString());
    surfer.cookies.set(attempt, Buffer.from(JSON.stringify({ ...kept, nonce: 'another' })).toString('base64url'));
    const { headers } = await surfer.call(address);
    expect(headers.get('location')).toBe(failed('token'));
    const mixed = new Surfer();
    const answer = await mixed.authenticate(doors.url, person);
    const moved = await mixed.call(answer.replace(/iss=[^&]*/, `iss=${encodeURIComponent('https://other.example')}`));
    expect(moved.headers.get('location')).toBe(failed('issuer'));
  });

  test('the cookie of a log-in is short-lived and HttpOnly, and the provider gets PKCE, state and nonce', async () => {
    const begun = await fetch(`${doors.url}/login/oidc`, { redirect: 'manual' });
    const cookie = begun.headers.getSetCookie().find((line) => line.startsWith(`${cookieName(doors.url)}-oidc=`))!;
    for (const part of [/; HttpOnly/i, /; SameSite=Lax/i, /; Max-Age=600(;|$)/i]) expect(cookie).toMatch(part);
    const asked = new URL(begun.headers.get('location')!).searchParams;
    expect(asked.get('redirect_uri')).toBe(`${doors.url}/login/oidc/callback`);
    expect([asked.get('response_type'), asked.get('code_challenge_method')]).toEqual(['code', 'S256']);
    for (const name of ['state', 'nonce', 'code_challenge']) expect(asked.get(name)!.length, name).toBeGreaterThan(20);
    expect(begun.headers.get('cache-control')).toContain('no-store');
  });

  test('next leads to this server alone', async () => {
    const person = unique('next');
    await provider.join(person, 'dev');
    expect((await new Surfer().logIn(doors.url, person, '/patterns?q=a%20b')).path).toBe('/patterns?q=a%20b');
    for (const next of ['https://evil.example/', '//evil.example/', '/\\evil.example/', 'javascript:alert(1)']) {
      expect((await new Surfer().logIn(doors.url, person, next)).path, next).toBe('/');
    }
  });

  test('a user who says no at the provider reads so', async ({ browser }) => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${doors.url}/login?next=%2Fpatterns`);
    await page.getByTestId('login-oidc').click();
    await page.getByRole('link', { name: /cancel/i }).click();
    await expect(page).toHaveURL(`${doors.url}${failed('denied', '/patterns')}`);
    await expect(page.getByTestId('entrance-error')).toContainText('cancelled at the identity provider');
    await expect(page.getByTestId('login-oidc')).toBeVisible();
    await context.close();
  });

  test('neither the secret nor a token nor a code is in the log', async () => {
    const person = unique('quiet');
    await provider.join(person, 'dev');
    const surfer = new Surfer();
    const address = await surfer.authenticate(doors.url, person);
    await surfer.call(address);
    // What is only in a log of all details shows that the details are there.
    expect((await surfer.call(address)).headers.get('location')).toBe(failed('stale'));
    const lines = () => readFileSync(doors.program.logFile, 'utf8');
    await until('the log has its details', async () => lines().includes('oidc-stale'));
    const log = lines();
    for (const secret of ['the secret of the client', new URL(address).searchParams.get('code')!, 'eyJ']) expect(log).not.toContain(secret);
  });
});

// Each of these changes the provider, so it has a server of its own.
test('groups may be in the ID token, and a new key of the provider counts at once', async () => {
  const { doors, provider, remove } = await both('ops=admin');
  try {
    await provider.start(doors.url, { inToken: true });
    await provider.join('kim', 'ops');
    expect((await new Surfer().logIn(doors.url, 'kim')).path).toBe('/');
    await provider.restart(doors.url, { inToken: true });
    expect((await new Surfer().logIn(doors.url, 'kim')).path).toBe('/');
    await until('this is in the log', async () => readFileSync(doors.program.logFile, 'utf8').includes('the keys of the OIDC provider were read again'));
  } finally {
    await remove();
  }
});

test('a provider that is down hurts nothing but its log-ins, and they work once it is back', async () => {
  // It is down when the server starts.
  const { doors, admin, provider, remove } = await both('ops=admin');
  try {
    const begin = async () => (await fetch(`${doors.url}/login/oidc`, { redirect: 'manual' })).headers.get('location')!;
    expect(await begin()).toBe(failed('unreachable'));
    expect(await (await fetch(`${doors.url}${failed('unreachable')}`)).text()).toContain('does not answer');
    expect((await admin.call('GET', '/api/v1/me')).status).toBe(200);
    expect(cookieOf(await form(doors.url, '/login', { name: 'admin', password: PASSWORD, next: '/' }))).toBeDefined();
    await provider.start(doors.url);
    await provider.join('kim', 'ops');
    await until('the provider is asked again', async () => (await begin()).startsWith('http'));
    const surfer = new Surfer();
    const address = await surfer.authenticate(doors.url, 'kim');
    await provider.stop();
    expect((await surfer.call(address)).headers.get('location')).toBe(failed('unreachable'));
    await provider.start(doors.url);
    expect((await new Surfer().logIn(doors.url, 'kim')).path).toBe('/');
  } finally {
    await remove();
  }
});

test('a clock that is ahead and an issuer with another name have their own reasons', async () => {
  const cases: [string, (port: number) => Quirks, string][] = [
    ['clock', () => ({ early: 600 }), 'clocks'],
    ['issuer', (port) => ({ issuer: `http://localhost:${port}` }), '--oidc-issuer'],
  ];
  for (const [code, quirks, text] of cases) {
    const { doors, provider, remove } = await both('ops=admin');
    try {
      await provider.start(doors.url, quirks(provider.port));
      await provider.join('kim', 'ops');
      // The provider was down when the server started; a failure counts for two seconds.
      let path = '';
      await until('the provider is asked again', async () => {
        const surfer = new Surfer();
        const begun = await surfer.call(`${doors.url}/login/oidc`);
        path = begun.headers.get('location')!;
        return path !== failed('unreachable');
      });
      if (path.startsWith('http')) ({ path } = await new Surfer().logIn(doors.url, 'kim'));
      expect(path).toBe(failed(code));
      expect(await (await fetch(`${doors.url}${path}`)).text()).toContain(text);
    } finally {
      await remove();
    }
  }
});

test('a closed server gets its first admin by the provider, and nobody else before', async () => {
  const provider = await Provider.unstarted();
  const program = await Program.unstarted({}, ...provider.options('ops=admin', 'dev=viewer'));
  program.host = '0.0.0.0';
  try {
    await provider.start(program.url);
    await program.start();
    await provider.set({ kim: ['ops'], lee: ['dev'] });
    expect(await (await fetch(`${program.url}/setup`)).text()).toContain('Log in with Acme');
    expect((await fetch(`${program.url}/api/v1/me`)).status).toBe(401);
    expect((await new Surfer().logIn(program.url, 'lee')).path).toBe(failed('no-admin'));
    expect(await (await fetch(`${program.url}${failed('no-admin')}`)).text()).toContain('no admin yet');
    const kim = await session(program.url, 'kim');
    expect((await kim.call('GET', '/api/v1/users')).status).toBe(200);
    expect((await new Surfer().logIn(program.url, 'lee')).path).toBe('/');
    // The last admin cannot lose the role, and keeps no session.
    await provider.set({ kim: [], lee: ['dev'] });
    expect((await new Surfer().logIn(program.url, 'kim')).path).toBe(failed('last-admin'));
    expect((await kim.call('GET', '/api/v1/me')).status).toBe(401);
    await program.stop();
    await program.start();
    expect((await fetch(`${program.url}/setup`, { redirect: 'manual' })).status, 'it is still guarded').toBe(303);
  } finally {
    await provider.stop();
    await program.remove();
  }
});

test('options that cannot be are refused at the start by their names', async ({ engines }) => {
  const wrong: [string[], RegExp][] = [
    [['--oidc-issuer', 'http://id.example', '--oidc-client-id', 'a', '--oidc-role', 'ops=admin'], /https/],
    [['--oidc-issuer', 'https://id.example', '--oidc-client-id', 'a'], /--oidc-role/],
    [['--oidc-issuer', 'https://id.example', '--oidc-client-id', 'a', '--oidc-role', 'ops=viewer:a:/(/'], /--oidc-role/],
  ];
  for (const [options, reason] of wrong) {
    const program = await Program.unstarted(engines, ...options);
    await expect(program.start()).rejects.toThrow(/ended with/);
    expect(readFileSync(program.logFile, 'utf8')).toMatch(reason);
    await program.remove();
  }
});
