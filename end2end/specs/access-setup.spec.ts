// A server without an admin: closed beyond loopback until somebody sets it up, open on loopback, and --open.
import { readFileSync } from 'node:fs';
import { cookieName, cookieOf, form, logIn, PASSWORD, secretFile } from '../fixtures/access.ts';
import { GrpcClient, status } from '../fixtures/grpc.ts';
import { until } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

/** A program that other machines reach, without an admin. */
async function exposed(...options: string[]): Promise<Program> {
  const program = await Program.unstarted({}, ...options);
  program.host = '0.0.0.0';
  await program.start();
  return program;
}

const log = (program: Program) => readFileSync(program.logFile, 'utf8');

/** The set-up address that the program has printed: its token. */
async function tokenOf(program: Program): Promise<string> {
  const printed = () => /\/setup#token=([\w-]+)/.exec(log(program))?.[1];
  await until('the address is printed', async () => printed() !== undefined);
  return printed()!;
}

const admin = { name: 'kim', password: PASSWORD, repeated: PASSWORD, repeat: PASSWORD };

test.describe('beyond loopback, without an admin', () => {
  test('the server is closed: health and the set-up answer, writes are told to retry, and nothing else answers', async () => {
    const program = await exposed();
    try {
      for (const path of ['/healthz', '/readyz', '/readyz/write', '/readyz/read', '/setup']) {
        expect((await fetch(`${program.url}${path}`, { redirect: 'manual' })).status, path).toBe(200);
      }
      expect(await (await fetch(`${program.url}/readyz`)).json(), 'status only').toEqual({ ready: true });
      for (const path of ['/api/v1/push', '/put', '/v1/logs', '/loki/api/v1/push', '/_bulk']) {
        const answer = await fetch(`${program.url}${path}`, { method: 'POST', body: '{"message":"m"}', headers: { 'content-type': 'application/json' } });
        expect([path, answer.status]).toEqual([path, 503]);
        expect(Number(answer.headers.get('retry-after')), path).toBeGreaterThanOrEqual(1);
        expect(await answer.text(), path).toMatch(/admin|set.?up/i);
      }
      for (const path of ['/api/v1/logs', '/api/v1/tail', '/logs', '/metrics', '/api/v1/keys', '/nowhere']) {
        expect((await fetch(`${program.url}${path}`)).status, path).toBe(401);
      }
      const grpc = new GrpcClient(program.grpcAddress);
      expect((await grpc.push({ records: [{ message: 'm' }] })).code).toBe(status.UNAVAILABLE);
      expect((await grpc.sendLog({ node: 'n', level: 'info', message: 'm' })).code).toBe(status.UNAVAILABLE);
      grpc.close();
      // The log names the three ways on.
      await tokenOf(program);
      for (const way of ['/setup#token=', 'LOGBOOM_ADMIN_PASSWORD_FILE', 'logboom user add', '--open']) expect(log(program)).toContain(way);
    } finally {
      await program.remove();
    }
  });

  for (const javaScriptEnabled of [true, false]) {
    test(`a browser sets it up, ${javaScriptEnabled ? 'with' : 'without'} JavaScript, and the token is used up`, async ({ browser }) => {
      const program = await exposed();
      const context = await browser.newContext({ javaScriptEnabled });
      const page = await context.newPage();
      try {
        const token = await tokenOf(program);
        // A page that asks for anything else is led here.
        await page.goto(`${program.url}/`);
        await expect(page).toHaveURL(/\/setup$/);
        await page.goto(`${program.url}/setup#token=${token}`);
        if (javaScriptEnabled) await expect(page.locator('input[name=token]')).toHaveValue(token);
        else await page.locator('input[name=token]').fill(token);
        await page.locator('input[name=name]').fill(admin.name);
        await page.locator('input[name=password]').fill(PASSWORD);
        await page.locator('input[name=repeat], input[name=repeated]').fill(PASSWORD);
        // Private networks are offered, and nothing is chosen.
        await expect(page.locator('input[name=write]')).toHaveValue(/10\.0\.0\.0\/8/);
        await expect(page.locator('input[value=nothing]')).toBeChecked();
        if (javaScriptEnabled) {
          await page.locator('input[name=write]').fill('127.0.0.0/8');
          await expect(page.locator('input[value=networks]')).toBeChecked();
          await page.locator('input[value=nothing]').check();
        }
        await page.getByTestId('setup').locator('button').click();
        await expect(page).not.toHaveURL(/\/(setup|login)/);
        expect((await context.cookies(program.url)).map(({ name }) => name)).toContain(cookieName(program.url));
        expect(page.url()).not.toContain(token);

        // Used once.
        const again = await form(program.url, '/setup', { ...admin, name: 'lee', token });
        expect([again.status, again.headers.get('location'), cookieOf(again)]).toEqual([303, '/login', undefined]);
        await expect(logIn(program.url, 'lee', PASSWORD)).rejects.toThrow();
        const users: { name: string }[] = await (await logIn(program.url, admin.name, PASSWORD)).ask('GET', '/api/v1/users');
        expect(users.map(({ name }) => name)).toEqual([admin.name]);
        // And writes need a key from now on.
        expect((await fetch(`${program.url}/api/v1/push`, { method: 'POST', body: '{}' })).status).toBe(401);
      } finally {
        await context.close();
        await program.remove();
      }
    });
  }

  test('the set-up lets a network write without a key if it is named, and an admin takes that back', async () => {
    const program = await exposed();
    try {
      const token = await tokenOf(program);
      const push = (headers: Record<string, string> = {}) =>
        fetch(`${program.url}/api/v1/push`, { method: 'POST', body: '{"message":"without a key"}', headers: { 'content-type': 'application/json', ...headers } });
      const chosen = { ...admin, token, 'without-key': 'networks' };
      for (const [write, outcome] of [['10.0.0.0/8, everybody', 'write: "everybody" is no network'], [' ', null]] as const) {
        const refused = await form(program.url, '/setup', { ...chosen, write });
        expect(cookieOf(refused)).toBeUndefined();
        const { searchParams } = new URL(refused.headers.get('location')!, program.url);
        expect(searchParams.get('reason') ?? null, write).toEqual(outcome && expect.stringContaining(outcome));
        // What was written is there again.
        const page = await (await fetch(new URL(refused.headers.get('location')!, program.url))).text();
        expect(page).toContain('role="alert"');
        expect(/<input[^>]*value="networks"[^>]*>/.exec(page)![0]).toContain('checked');
      }
      expect((await push()).status).toBe(503);

      const done = await form(program.url, '/setup', { ...chosen, write: '127.0.0.0/8, 10.1.2.3/8' });
      const cookie = cookieOf(done)!;
      expect(cookie).toBeDefined();
      expect((await push()).status).toBe(200);
      expect((await push({ 'x-forwarded-for': '127.0.0.1' })).status, 'through a proxy').toBe(401);
      expect((await fetch(`${program.url}/api/v1/logs`)).status, 'to write is not to read').toBe(401);
      const networks = async () => (await fetch(`${program.url}/api/v1/anonymous`, { headers: { cookie } })).json();
      expect(await networks()).toEqual({ write: ['10.0.0.0/8', '127.0.0.0/8'], options: [] });
      const page = await (await fetch(`${program.url}/system/access`, { headers: { cookie } })).text();
      expect(page).toContain('value="10.0.0.0/8, 127.0.0.0/8"');

      const set = (write: string) => form(program.url, '/system/access/networks', { action: 'set', write }, { cookie });
      expect(decodeURIComponent((await set('nowhere')).headers.get('location')!)).toContain('no+network');
      expect((await push()).status).toBe(200);
      expect((await set('')).headers.get('location')).toContain('done=networks-set');
      expect((await push()).status).toBe(401);
      expect(await networks()).toEqual({ write: [], options: [] });
      // A restart changes nothing.
      expect((await set('127.0.0.1')).status).toBe(303);
      await program.stop();
      await program.start();
      expect((await push()).status).toBe(200);
      expect(await networks()).toEqual({ write: ['127.0.0.1/32'], options: [] });
    } finally {
      await program.remove();
    }
  });

  test('a wrong token, two passwords that differ and a short password set nothing up', async () => {
    const program = await exposed();
    try {
      const token = await tokenOf(program);
      const wrong: [Record<string, string>, string, RegExp][] = [
        [{ ...admin, token: 'x'.repeat(token.length) }, 'refused', /^token: /],
        [{ ...admin, token: '' }, 'refused', /^token: /],
        [{ ...admin, token, repeated: `${PASSWORD}?`, repeat: `${PASSWORD}?` }, 'repeat', /^$/],
        [{ ...admin, token, password: 'short', repeated: 'short', repeat: 'short' }, 'refused', /^password has 5 bytes/],
      ];
      for (const [fields, error, reason] of wrong) {
        const answer = await form(program.url, '/setup', fields);
        const { pathname, searchParams } = new URL(answer.headers.get('location')!, program.url);
        expect([answer.status, pathname, searchParams.get('error')]).toEqual([303, '/setup', error]);
        expect(searchParams.get('reason') ?? '').toMatch(reason);
        expect(cookieOf(answer), JSON.stringify(fields)).toBeUndefined();
        expect(await answer.text()).not.toContain(PASSWORD);
      }
      expect((await fetch(`${program.url}/api/v1/logs`)).status).toBe(401);
      // The token is still good, also after a restart.
      await program.stop();
      await program.start();
      expect(cookieOf(await form(program.url, '/setup', { ...admin, token }))).toBeDefined();
    } finally {
      await program.remove();
    }
  });

  test('LOGBOOM_ADMIN_PASSWORD_FILE makes the admin at the first start, and changes nothing at the next', async () => {
    const program = await Program.unstarted({});
    program.host = '0.0.0.0';
    program.environment.LOGBOOM_ADMIN_PASSWORD_FILE = secretFile(PASSWORD);
    await program.start();
    try {
      await logIn(program.url, 'admin', PASSWORD);
      expect(log(program)).not.toContain('#token=');
      expect(log(program)).not.toContain(PASSWORD);
      await program.stop();
      program.environment.LOGBOOM_ADMIN_PASSWORD_FILE = secretFile('another password of a test');
      await program.start();
      await logIn(program.url, 'admin', PASSWORD);
      await expect(logIn(program.url, 'admin', 'another password of a test')).rejects.toThrow();
    } finally {
      await program.remove();
    }
  });

  test('--open lets everybody do everything, and the log and the page keep saying it', async ({ page }) => {
    const program = await exposed('--open');
    try {
      expect((await fetch(`${program.url}/api/v1/push`, { method: 'POST', body: '{"message":"m"}' })).status).toBe(200);
      const proxied = await fetch(`${program.url}/api/v1/logs`, { headers: { 'x-forwarded-for': '203.0.113.7' } });
      expect(proxied.status).toBe(200);
      expect(log(program)).toMatch(/--open|everybody/);
      await page.goto(program.url);
      await expect(page.locator('html')).toHaveAttribute('data-may', /open/);
    } finally {
      await program.remove();
    }
  });
});

test('on loopback without an admin everything is open, but not for calls through a proxy', async () => {
  const program = await Program.start({});
  try {
    expect((await fetch(`${program.url}/api/v1/logs`)).status).toBe(200);
    const proxies: Record<string, string>[] = [{ 'x-forwarded-for': '203.0.113.7' }, { forwarded: 'for=203.0.113.7' }];
    for (const headers of proxies) {
      const calls: [string, RequestInit][] = [['/api/v1/logs', {}], ['/', {}], ['/api/v1/push', { method: 'POST', body: '{"message":"m"}' }]];
      for (const [path, init] of calls) {
        const answer = await fetch(`${program.url}${path}`, { ...init, headers });
        // Senders try again and lose nothing.
        expect(answer.status, path).toBe(init.method ? 503 : 403);
        if (init.method) expect(Number(answer.headers.get('retry-after')), path).toBeGreaterThanOrEqual(1);
        expect(await answer.text()).toContain('--open');
      }
      expect((await fetch(`${program.url}/healthz`, { headers })).status).toBe(200);
    }
  } finally {
    await program.remove();
  }
});
