// Commands about keys, people and sessions, in each place; other commands with a key; and where no secret may appear.
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bearer, Caller, cookieName, guarded, logIn, PASSWORD, secretFile } from '../fixtures/access.ts';
import { stored, unique } from '../fixtures/api.ts';
import type { Doors } from '../fixtures/doors.ts';
import { end, freePort, until } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

let doors: Doors;
let admin: Caller;
test.beforeAll(async ({ engines }) => {
  ({ doors, admin } = await guarded(engines));
});
test.afterAll(async () => doors.remove());

type Ended = { code: number | null; out: string; error: string };

/** Runs `logboom` to its end, with these environment variables and input. */
async function logboom(program: Program, options: string[], environment: Record<string, string> = {}, input = ''): Promise<Ended> {
  const set = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  // What names a server is only what the test says.
  const child = program.launch('env', '-u', 'LOGBOOM_SERVER', '-u', 'LOGBOOM_KEY', ...set, 'logboom', ...options);
  const ended: Ended = { code: null, out: '', error: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => (ended.out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (ended.error += text));
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  ended.code = await new Promise((resolve) => child.once('close', resolve));
  return ended;
}

async function succeeds(program: Program, options: string[], environment?: Record<string, string>, input?: string): Promise<string> {
  const ended = await logboom(program, options, environment, input);
  expect(ended.code, `${options.join(' ')}: ${ended.error}`).toBe(0);
  return ended.out;
}

const KEY = /^lb_([a-z0-9]{8})_[a-z0-9]{32}$/;
const lines = (text: string) => text.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));

type Place = { options: string[]; environment: Record<string, string> };

/** Adds, lists, changes and ends keys, users and sessions in one place. */
async function administrate(program: Program, { options, environment }: Place, isRunning: boolean): Promise<void> {
  const run = (...words: string[]) => succeeds(program, [...words, ...options], environment);
  const [name, service] = [unique('kim'), unique('shop')];

  const secret = (await run('key', 'add', 'shop', '--write', '--service', service, '--field', 'env=test', '--door', 'json', '--rate', '1000', '--expires', '90d')).trim();
  const id = KEY.exec(secret)?.[1];
  expect(id, 'the key alone is printed').toBeTruthy();
  const keys = lines(await run('key', 'list', '--json'));
  expect(keys.find((key) => key.id === id)).toMatchObject({ name: 'shop', scopes: ['write'], service, fields: { env: 'test' }, doors: ['json'], records_per_second: 1000 });
  expect(await run('key', 'list')).not.toContain(secret.slice(12));

  await succeeds(program, ['user', 'add', name, '--role', 'viewer', '--password-stdin', ...options], environment, `${PASSWORD}\n`);
  await run('user', 'change', name, '--role', 'viewer', '--filter', `service:${service}`, '--hide', 'card');
  expect(lines(await run('user', 'list', '--json')).find((user) => user.name === name)).toMatchObject({ role: 'viewer', filter: `service:${service}`, hidden: ['card'] });
  expect(await run('user', 'list')).not.toContain('argon2');

  if (isRunning) {
    expect((await new Caller(program.url, bearer(secret)).post(JSON.stringify({ message: 'm' }))).status).toBe(200);
    const session = await logIn(program.url, name, PASSWORD);
    const sessions = lines(await run('session', 'list', '--json')).filter(({ user }) => user === name);
    expect(sessions).toHaveLength(1);
    await run('session', 'revoke', sessions[0].id);
    expect((await session.call('GET', '/api/v1/me')).status, 'at once').toBe(401);
    const again = await logIn(program.url, name, PASSWORD);
    await run('user', 'password', name, '--password-file', secretFile('a new password of a test'));
    expect((await again.call('GET', '/api/v1/me')).status, 'at once').toBe(401);
    await logIn(program.url, name, 'a new password of a test');
  }
  await run('key', 'revoke', id!);
  expect(lines(await run('key', 'list', '--json')).some((key) => key.id === id)).toBe(false);
  if (isRunning) expect((await new Caller(program.url, bearer(secret)).post('{"message":"m"}')).status, 'at once').toBe(401);
  await run('user', 'remove', name);
  expect(lines(await run('user', 'list', '--json')).some((user) => user.name === name)).toBe(false);
}

test('key, user and session: a running server by its admin socket, without a secret', async () => {
  await administrate(doors.program, { options: ['--data', doors.program.file('data')], environment: {} }, true);
  // Only the user of the server may use the socket.
  expect(statSync(doors.program.file('data/admin.sock')).mode & 0o077).toBe(0);
});

test('key, user and session: a running server by its address and the key of an admin', async () => {
  const { secret } = await admin.createKey({ name: 'remote', scopes: ['admin'] });
  await administrate(doors.program, { options: ['--server', doors.url], environment: { LOGBOOM_KEY: secret } }, true);
  await administrate(doors.program, { options: ['--server', doors.url, '--key-file', secretFile(secret)], environment: {} }, true);
});

test('key, user and session: a data folder that no server uses, and the server knows them at its start', async () => {
  const program = await Program.unstarted({});
  const place = { options: ['--data', program.file('data')], environment: {} };
  try {
    // The commands make no folder: a mistyped one would have users that no server knows.
    await program.start();
    await program.stop();
    // The first admin of a server that would start closed.
    await succeeds(program, ['user', 'add', 'boss', '--role', 'admin', '--password-stdin', ...place.options], {}, PASSWORD);
    await administrate(program, place, false);
    const secret = (await succeeds(program, ['key', 'add', 'kept', '--write', ...place.options])).trim();
    program.host = '0.0.0.0';
    await program.start();
    await logIn(program.url, 'boss', PASSWORD);
    expect((await new Caller(program.url, bearer(secret)).post('{"message":"m"}')).status).toBe(200);
  } finally {
    await program.remove();
  }
});

test('user add opens a closed server while it runs, and a forgotten password is reset without it', async () => {
  const program = await Program.unstarted({});
  program.host = '0.0.0.0';
  await program.start();
  const data = ['--data', program.file('data')];
  try {
    expect((await fetch(`${program.url}/api/v1/push`, { method: 'POST', body: '{}' })).status).toBe(503);
    await succeeds(program, ['user', 'add', 'boss', '--role', 'admin', '--password-stdin', ...data], {}, PASSWORD);
    await logIn(program.url, 'boss', PASSWORD);
    await succeeds(program, ['user', 'password', 'boss', '--password-stdin', ...data], {}, 'another password of a test');
    await expect(logIn(program.url, 'boss', PASSWORD)).rejects.toThrow();
    await logIn(program.url, 'boss', 'another password of a test');
  } finally {
    await program.remove();
  }
});

test('an error names what is wrong and the way out, and no secret', async () => {
  const reads = await admin.createKey({ name: 'reads', scopes: ['read'] });
  const wrong = `lb_00000000_${'0'.repeat(32)}`;
  const at = ['--server', doors.url];
  const cases: [string[], Record<string, string>, RegExp][] = [
    [['key', 'list', ...at], {}, /key/],
    [['key', 'list', ...at], { LOGBOOM_KEY: wrong }, /lb_00000000/],
    [['key', 'list', ...at], { LOGBOOM_KEY: reads.secret }, new RegExp(reads.id)],
    [['key', 'list', ...at, '--key-file', '/nonexistent/key'], {}, /\/nonexistent\/key/],
    [['key', 'add', 'nothing', '--data', doors.program.file('data')], {}, /--write, --read/],
    [['key', 'add', 'x', '--write', '--filter', 'a', '--data', doors.program.file('data')], {}, /--read/],
    [['key', 'revoke', 'nothere1', '--data', doors.program.file('data')], {}, /nothere1/],
    [['user', 'remove', 'admin', '--data', doors.program.file('data')], {}, /last admin/],
    [['tail', ...at], { LOGBOOM_KEY: wrong }, /lb_00000000/],
  ];
  for (const [options, environment, reason] of cases) {
    const ended = await logboom(doors.program, options, environment);
    expect(ended.code, options.join(' ')).not.toBe(0);
    expect(ended.error, options.join(' ')).toMatch(reason);
    for (const secret of [wrong, reads.secret]) expect(ended.error + ended.out).not.toContain(secret.slice(12));
  }
  // No flag takes a secret itself.
  expect((await logboom(doors.program, ['key', 'list', '--key', reads.secret])).code).not.toBe(0);
});

test('every command of a client works with a key, and not without', async () => {
  const service = unique('commands');
  const [writes, reads, edits] = [
    await admin.createKey({ name: 'sends', scopes: ['write'] }),
    await admin.createKey({ name: 'reads', scopes: ['read'] }),
    await admin.createKey({ name: 'edits', scopes: ['admin'] }),
  ];
  const at = ['--server', doors.url];
  const send = ['send', '--service', service, ...at];
  expect((await logboom(doors.program, send, { LOGBOOM_KEY: reads.secret }, 'not stored\n')).code).not.toBe(0);
  await succeeds(doors.program, send, { LOGBOOM_KEY: writes.secret }, 'a line\n');
  await succeeds(doors.program, [...send, '--key-file', secretFile(writes.secret)], {}, 'another line\n');
  expect((await stored(admin, service, 2)).map(({ message }) => message).sort()).toEqual(['a line', 'another line']);

  const commands: string[][] = [
    ['search', `service:${service}`], ['export', `service:${service}`], ['parts', 'aside'], ['dead-letters'], ['ledger'], ['replay', 'list'], ['documents', 'export'],
  ];
  for (const command of commands) {
    expect((await logboom(doors.program, [...command, ...at])).code, `${command.join(' ')} without a key`).not.toBe(0);
    await succeeds(doors.program, [...command, ...at], { LOGBOOM_KEY: reads.secret });
  }
  await succeeds(doors.program, ['dead-letters', 'delete', '--all', ...at], { LOGBOOM_KEY: edits.secret });

  const tail = doors.program.launch('env', `LOGBOOM_KEY=${reads.secret}`, 'logboom', 'tail', `service:${service}`, '-o', 'json', ...at);
  const shown = printed(tail);
  try {
    await until('the tail shows', async () => {
      await new Caller(doors.url, bearer(writes.secret)).push({ service, message: 'live' });
      return shown().includes('"live"');
    });
    // A revoked key ends the command, with the reason.
    const closed = new Promise<number | null>((resolve) => tail.once('close', resolve));
    await admin.revokeKey(reads.id);
    expect(await closed).not.toBe(0);
  } finally {
    await end(tail, 'SIGKILL');
  }
});

function printed(child: ChildProcessWithoutNullStreams): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (more) => (text += more));
  return () => text;
}

test('an agent sends with a key, takes senders with its own keys, and waits for a better one', async () => {
  const service = unique('agent');
  const { id, secret } = await admin.createKey({ name: 'agent', scopes: ['write'] });
  const own = `lb_agent001_${'7'.repeat(32)}`;
  const keyFile = secretFile(`lb_00000000_${'0'.repeat(32)}`);
  const agent = await Program.unstartedAgent('--to', doors.url, '--key-file', keyFile, '--accept-key-file', secretFile(own));
  agent.host = '0.0.0.0';
  try {
    await agent.start();
    const push = (headers: Record<string, string>) => new Caller(agent.url, headers).post(JSON.stringify({ service, message: 'through the agent' }));
    expect((await push({})).status).toBe(401);
    expect((await push(bearer(secret))).status, 'a key of the server is none of the agent').toBe(401);
    expect((await push(bearer(own))).status).toBe(200);
    await new Promise((later) => setTimeout(later, 1000));
    expect(await admin.logs(`service:${service}`)).toEqual([]);
    // The file is read again.
    writeFileSync(keyFile, `${secret}\n`);
    expect((await stored(admin, service))[0]).toMatchObject({ message: 'through the agent' });
    await admin.revokeKey(id);
  } finally {
    await agent.remove();
  }
});

/** All files of a folder, as text of single bytes. */
function contents(folder: string): [string, string][] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => [join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name), 'latin1')]);
}

test('no secret is in ps, in the log, in an answer, in a URL or on the disk', async ({ browser }) => {
  const { doors: own, admin: boss } = await guarded({}, '--log', 'debug');
  try {
    const password = 'unmistakable password 4711';
    const name = unique('careful');
    await succeeds(own.program, ['user', 'add', name, '--role', 'admin', '--password-stdin', '--data', own.program.file('data')], {}, password);
    const { secret } = await boss.createKey({ name: 'secret', scopes: ['write', 'read'] });
    const wrong = `lb_zzzzzzzz_${'z'.repeat(32)}`;
    const session = await logIn(own.url, name, password);
    const token = session.headers.cookie!.split('=')[1]!;
    await logIn(own.url, name, 'unmistakable but wrong 4711').catch(() => undefined);
    const answers: string[] = [];
    for (const key of [secret, wrong]) {
      for (const path of ['/api/v1/logs', '/api/v1/logs?query=(', '/nowhere', '/api/v1/keys']) {
        answers.push(await (await fetch(`${own.url}${path}`, { headers: bearer(key) })).text());
      }
      answers.push(await (await fetch(`${own.url}/put?key=${key}`, { method: 'POST', body: '{"message":"m"}' })).text());
      answers.push(await (await fetch(`${own.url}/put?key=${key}`, { method: 'POST', body: '{' })).text());
    }
    for (const path of ['/api/v1/me', '/api/v1/sessions', '/api/v1/users', '/api/v1/keys', '/metrics', '/api/v1/tasks']) {
      answers.push(await (await session.call('GET', path)).text());
    }

    const context = await browser.newContext();
    const page = await context.newPage();
    const urls: string[] = [];
    page.on('request', (request) => urls.push(request.url()));
    await page.goto(`${own.url}/login`);
    await page.locator('input[name=name]').fill(name);
    await page.locator('input[name=password]').fill(password);
    await page.getByTestId('login').locator('button').click();
    await expect(page).toHaveURL(`${own.url}/`);
    const inPage = (await context.cookies()).find(({ name }) => name === cookieName(own.url))!.value;
    expect(await page.evaluate(() => document.cookie), 'scripts do not see the session').not.toContain(inPage);

    // While commands with a key run.
    const tail = own.program.launch('env', `LOGBOOM_KEY=${secret}`, 'logboom', 'tail', 'x', '--server', own.url);
    await until('the tail runs', async () => (await boss.get('/metrics')).ok);
    const ps = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'latin1')];
      } catch {
        return [];
      }
    });
    // `env` itself has the variable on its command line until it starts the program.
    const commandLines = ps.filter((line) => line.includes('logboom') && !line.startsWith('env\0')).join('\n');
    await end(tail, 'SIGTERM');
    await context.close();
    await own.program.stop();

    const secrets = [secret.slice(12), wrong.slice(12), password, 'unmistakable but wrong', token, inPage];
    const places: [string, string][] = [
      ['ps', commandLines], ['an answer', answers.join('\n')], ['a URL', urls.join('\n')], ['the log', readFileSync(own.program.logFile, 'latin1')],
      ...contents(own.program.file('data')),
    ];
    for (const [place, text] of places) {
      for (const secret of secrets) expect(text.includes(secret), `${secret.slice(0, 8)}… in ${place}`).toBe(false);
    }
  } finally {
    await own.remove();
  }
});

test('a sink to another Logboom sends with a key from a file', async () => {
  const service = unique('sink');
  const { secret } = await admin.createKey({ name: 'sink', scopes: ['write'], doors: ['grpc'] });
  const url = `logboom+http://127.0.0.1:${doors.program.grpcPort}?key-file=${secretFile(secret)}`;
  const source = await Program.start({}, '--sink', `center=${url}`, '--otlp-listen', `127.0.0.1:${await freePort()}`);
  try {
    await new Caller(source.url, {}).push({ service, message: 'by a sink' });
    expect((await stored(admin, service))[0]).toMatchObject({ message: 'by a sink' });
  } finally {
    await source.remove();
  }
});
