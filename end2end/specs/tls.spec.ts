// TLS with real clients, for certificates that are good, expired, for another name, and nobody's.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import grpc from '@grpc/grpc-js';
import { unique } from '../fixtures/api.ts';
import { cookieName, PASSWORD, secretFile } from '../fixtures/access.ts';
import { type Fault, Certificates, Secured } from '../fixtures/certificates.ts';
import { python } from '../fixtures/clients.ts';
import { until } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

/** What clients say of each fault: the exit code of curl is 60 for all. */
const FAULTS: Record<Exclude<Fault, 'good' | 'renewed'>, { node: string; python: RegExp }> = {
  expired: { node: 'CERT_HAS_EXPIRED', python: /certificate has expired/ },
  'wrong-name': { node: 'ERR_TLS_CERT_ALTNAME_INVALID', python: /mismatch|doesn't match/ },
  'self-signed': { node: 'DEPTH_ZERO_SELF_SIGNED_CERT', python: /self.signed certificate/ },
};
const HEALTH = '/grpc.health.v1.Health/Check';

let secured: Secured;
test.beforeAll(async ({ engines, pair }) => {
  // Workers inherit the same sockets, and each speaks TLS.
  const workers = pair === 'distributed' ? ['--workers', '2'] : [];
  secured = await Secured.start(engines, '--canary', '1s', ...workers);
});
test.afterAll(async () => secured?.remove());
test.afterEach(async ({}, testInfo) => {
  if (testInfo.status !== testInfo.expectedStatus) await testInfo.attach('server log', { path: secured.program.logFile });
  secured.use('good');
  await secured.uses('good');
});

/** The exit code of curl, and what it prints. */
async function curl(...options: string[]): Promise<{ code: number; output: string }> {
  const words = ['--disable', '--noproxy', '*', '-sS', ...options];
  return promisify(execFile)('curl', words).then(
    ({ stdout }) => ({ code: 0, output: stdout }),
    (error) => ({ code: error.code, output: `${error.stdout}${error.stderr}` }),
  );
}

/** Runs a program of Python, which prints one line. */
async function runPython(text: string, ...options: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(python, ['-c', text, ...options], { timeout: 120_000 });
  return stdout.trim();
}

const PYTHON_REQUEST = `
import requests, sys
try:
    print(requests.get(sys.argv[1] + "/healthz", verify=sys.argv[2]).status_code)
except requests.exceptions.SSLError as error:
    print(error)
`;

const PYTHON_GRPC = `
import grpc, sys
trusted = grpc.ssl_channel_credentials(open(sys.argv[2], "rb").read())
with grpc.secure_channel(sys.argv[1], trusted) as channel:
    try:
        print(channel.unary_unary("${HEALTH}")(b"", timeout=50).hex())
    except grpc.RpcError as error:
        print(error.code().name)
`;

/** The state of the server by gRPC, or the code of the failure. */
function health(address: string, ca: string): Promise<string> {
  const client = new grpc.Client(address, grpc.credentials.createSsl(readFileSync(ca)));
  const bytes = (value: Buffer) => value;
  return new Promise<string>((resolve) => {
    const deadline = { deadline: Date.now() + 60_000 };
    client.makeUnaryRequest(HEALTH, bytes, bytes, Buffer.alloc(0), deadline, (error, answer) => {
      resolve(error ? grpc.status[error.code]! : answer!.toString('hex'));
    });
  }).finally(() => client.close());
}

test('clients that trust the authority are served, over HTTP/1.1 and HTTP/2', async () => {
  const { url, certificates, program } = secured;
  const service = unique('curl');
  const record = JSON.stringify({ service, message: 'over TLS' });
  for (const version of ['1.1', '2']) {
    const form = ['--write-out', '%{http_code} %{http_version}', '-o', '/dev/null', `--http${version}`];
    const pushed = await curl('--cacert', certificates.ca, ...form, `${url}/api/v1/push`, '-d', record);
    expect(pushed).toEqual({ code: 0, output: `200 ${version}` });
  }
  expect(await secured.stored(service)).toMatchObject({ message: 'over TLS' });

  const trust = ['-connect', `127.0.0.1:${program.port}`, '-servername', 'localhost', '-CAfile', certificates.ca, '-verify_return_error'];
  for (const [options, part] of [
    [['-alpn', 'h2'], 'ALPN protocol: h2'],
    [['-tls1_2'], 'Protocol  : TLSv1.2'],
    [['-tls1_3', '-alpn', 'http/1.1'], 'ALPN protocol: http/1.1'],
  ] as const) {
    const { status, stdout } = spawnSync('openssl', ['s_client', ...trust, ...options], { input: '', encoding: 'utf8' });
    expect(status, stdout).toBe(0);
    expect(stdout).toContain('Verify return code: 0 (ok)');
    expect(stdout).toContain(part);
  }
  const old = ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'];
  expect(spawnSync('openssl', ['s_client', ...trust, ...old], { input: '' }).status, 'TLS 1.1').not.toBe(0);

  const session = connectHttp2(url, { ca: readFileSync(certificates.ca) });
  const head = await new Promise<any>((resolve, reject) => {
    session.once('error', reject);
    session.request({ ':path': '/healthz' }).once('response', resolve);
  });
  expect(head[':status']).toBe(200);
  session.close();
  expect(await runPython(PYTHON_REQUEST, url, certificates.ca)).toBe('200');
  for (const address of [`127.0.0.1:${program.port}`, program.grpcAddress]) {
    expect(await runPython(PYTHON_GRPC, address, certificates.ca)).toBe('0801');
    expect(await health(address, certificates.ca)).toBe('0801');
  }
});

for (const [fault, expected] of Object.entries(FAULTS)) {
  test(`a certificate that is ${fault} is refused by each client, and by nobody who does not check`, async ({ browser }) => {
    const { url, certificates, program } = secured;
    certificates.make(fault as Fault);
    secured.use(fault);
    await secured.uses(fault);

    expect((await curl('--cacert', certificates.ca, `${url}/healthz`)).code).toBe(60);
    expect(await curl('-k', `${url}/healthz`)).toEqual({ code: 0, output: 'ok\n' });
    await expect(secured.ask('/healthz')).rejects.toMatchObject({ code: expected.node });
    expect(await runPython(PYTHON_REQUEST, url, certificates.ca)).toMatch(expected.python);
    expect(await runPython(PYTHON_GRPC, program.grpcAddress, certificates.ca)).toBe('UNAVAILABLE');
    expect(await health(program.grpcAddress, certificates.ca)).toBe('UNAVAILABLE');
    const context = await browser.newContext();
    await expect((await context.newPage()).goto(url)).rejects.toThrow(/ERR_CERT_/);
    await context.close();
    if (fault === 'expired') await until('the log has it', async () => readFileSync(program.logFile, 'utf8').includes('the certificate has expired at'));
    // One that trusts this certificate, and nothing else, takes the self-signed one.
    if (fault === 'self-signed') expect((await secured.ask('/healthz', { ca: program.file('self-signed.pem') })).status).toBe(200);
  });
}

test('a browser gets the dashboard over HTTP/2, with its live tail and snippets for https', async ({ browser }) => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const service = unique('browser');
  const push = (message: string) =>
    secured.ask('/api/v1/push', { method: 'POST', body: JSON.stringify({ service, message }), headers: { 'content-type': 'application/json' } });
  await push('the first record');
  await secured.stored(service);
  // By the listener without TLS.
  await page.goto(`http://127.0.0.1:${secured.redirectPort}/?q=service:${service}`);
  expect(page.url().startsWith(`${secured.url}/?q=`), page.url()).toBe(true);
  await expect(page.getByText('the first record').first()).toBeVisible();
  expect(await page.evaluate(() => (performance.getEntriesByType('navigation')[0] as any).nextHopProtocol)).toBe('h2');
  await push('the second record');
  await expect(page.getByText('the second record').first()).toBeVisible();
  await page.goto(`${secured.url}/connect`);
  await expect(page.getByTestId('snippet-curl')).toContainText(`${secured.url}/api/v1/push`);
  await expect(page.getByTestId('snippet-tracing')).toContainText(`https://${secured.program.grpcAddress}`);
  await context.close();
});

test('HTTP without TLS is told to use https, and browsers are sent there', async () => {
  const plain = await fetch(`http://127.0.0.1:${secured.program.port}/healthz`);
  expect([plain.status, plain.statusText, await plain.text()]).toEqual([400, 'TLS Required', 'this port speaks TLS; use https://\r\n']);

  const redirect = `http://127.0.0.1:${secured.redirectPort}`;
  const sent = await fetch(`${redirect}/logs?query=a%20b`, { redirect: 'manual' });
  expect([sent.status, sent.headers.get('location')]).toEqual([308, `${secured.url}/logs?query=a%20b`]);
  const secret = { authorization: 'Bearer lb_00000000_00000000000000000000000000000000' };
  const refused = await fetch(`${redirect}/api/v1/push`, { method: 'POST', body: '{}', headers: secret });
  expect(refused.status).toBe(403);
  expect(await refused.text()).toContain('use https');
  const foreign = await curl('-o', '/dev/null', '--write-out', '%{http_code} %{redirect_url}', '-H', 'host: evil.example', redirect);
  expect(foreign).toEqual({ code: 0, output: '421 ' });
});

/** An open connection to a door. */
function door(port: number, ca: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca: readFileSync(ca) }, () => resolve(socket));
    socket.once('error', reject);
  });
}

test('syslog comes over TLS, with lengths as in RFC 5425 and as lines, and none without TLS', async () => {
  const { certificates, doors } = secured;
  const framed = unique('framed');
  const message = `<11>1 2026-11-30T00:00:00Z till-1 ${framed} 7 - - two\nlines: 카드`;
  const socket = await door(doors.syslog, certificates.ca);
  socket.end(`${Buffer.byteLength(message)} ${message}`);
  expect(await secured.stored(framed)).toMatchObject({ message: 'two\nlines: 카드', node: 'till-1', level: 'err' });

  const lines = unique('lines');
  const trust = ['-connect', `127.0.0.1:${doors.syslog}`, '-servername', 'localhost', '-CAfile', certificates.ca, '-verify_return_error'];
  const client = spawn('openssl', ['s_client', '-quiet', ...trust], { stdio: ['pipe', 'ignore', 'ignore'] });
  client.stdin.write(`<11>1 - till-1 ${lines} - - - a line\n`);
  expect(await secured.stored(lines)).toMatchObject({ message: 'a line', node: 'till-1' });
  client.kill();

  const tcp = unique('tcp');
  (await door(doors.tcp, certificates.ca)).end(`${JSON.stringify({ service: tcp, message: 'a line' })}\n`);
  expect(await secured.stored(tcp)).toMatchObject({ message: 'a line' });
  const failed = async () => {
    const { body } = await secured.ask('/metrics');
    return Number(/^logboom_tls_handshakes_total\{.*outcome="plain".*\} (\d+)$/m.exec(body)?.[1] ?? 0);
  };
  const [plain, before] = [unique('plain'), await failed()];
  // Each worker has metrics of its own, so several are sent.
  await until('clients without TLS are counted', async () => {
    spawnSync('logger', ['--server', '127.0.0.1', '--port', String(doors.syslog), '--tcp', '--tag', plain, 'in the open']);
    return (await failed()) > before;
  });
  const query = new URLSearchParams({ query: `service:${plain}` });
  expect(JSON.parse((await secured.ask(`/api/v1/logs?${query}`)).body).records).toEqual([]);
});

test('the canary trusts the own certificate, whatever others think of it', async () => {
  secured.certificates.make('self-signed');
  secured.use('self-signed');
  await secured.uses('self-signed');
  const ca = secured.program.file('self-signed.pem');
  const doors = async () => JSON.parse((await secured.ask('/api/v1/canary', { ca })).body) as any[];
  const before = Math.max(...(await doors()).map(({ sent }) => sent));
  await expect.poll(async () => Math.min(...(await doors()).map(({ arrived }) => arrived)), { timeout: 150_000 }).toBeGreaterThan(before + 1);
  for (const one of await doors()) expect(one).toMatchObject({ failed: 0, missing: 0, doubled: 0, error: null });
  const names = (await doors()).map(({ door }) => door);
  for (const name of ['http', 'otlp', 'grpc', 'tcp', 'syslog', 'gelf', 'fluent']) expect(names).toContain(name);
  expect(names, 'no datagrams beside TLS').not.toContain('syslog udp');
});

test('a renewed certificate costs no open connection and no call', async () => {
  const { url, certificates } = secured;
  certificates.make('renewed');
  const session = connectHttp2(url, { ca: readFileSync(certificates.ca) });
  const broken: Error[] = [];
  session.on('error', (error) => broken.push(error));
  session.on('goaway', () => broken.push(new Error('goaway')));
  const statuses: unknown[] = [];
  let isRunning = true;
  const old = (async () => {
    while (isRunning) {
      const stream = session.request({ ':path': '/healthz' });
      statuses.push(await new Promise((resolve, reject) => {
        stream.once('response', (head) => resolve(head[':status']));
        stream.once('error', reject);
        stream.resume();
      }));
      await sleep(10);
    }
  })();
  const fresh = (async () => {
    while (isRunning) statuses.push((await secured.ask('/healthz')).status);
  })();
  const before = await secured.shown();
  secured.use('renewed');
  await secured.uses('renewed');
  expect(await secured.shown()).not.toBe(before);
  const calls = statuses.length;
  await until('calls go on', async () => statuses.length > calls + 20);
  isRunning = false;
  await Promise.all([old, fresh]);
  expect(broken).toEqual([]);
  expect(new Set(statuses)).toEqual(new Set([200]));
  session.close();
});

test('an authority for clients refuses the certificates of others, and takes clients without one', async () => {
  const program = await Program.unstarted({});
  const clients = new Certificates((name) => program.file(name), 'clients');
  clients.sign('web-1', '/CN=web-1', 'DNS:web-1');
  const others = new Certificates((name) => program.file(name), 'others');
  others.sign('stranger', '/CN=stranger', 'DNS:stranger');
  const own = await Secured.start({}, '--tls-client-ca', clients.ca);
  try {
    const pair = (name: string) => ({
      cert: readFileSync(program.file(`${name}.pem`), 'utf8'),
      key: readFileSync(program.file(`${name}.key`), 'utf8'),
    });
    expect((await own.ask('/healthz')).status).toBe(200);
    expect((await own.ask('/healthz', pair('web-1'))).status).toBe(200);
    await expect(own.ask('/healthz', pair('stranger'))).rejects.toThrow();
    const shown = ['--cert', program.file('stranger.pem'), '--key', program.file('stranger.key')];
    expect((await curl('--cacert', own.certificates.ca, ...shown, `${own.url}/healthz`)).code).not.toBe(0);
  } finally {
    await own.remove();
    await program.remove();
  }
});

test('the session of a browser is in a cookie that no connection without TLS gets', async ({ browser }) => {
  const own = await Secured.start({}, '--admin-password-file', secretFile(PASSWORD));
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  try {
    const body = new URLSearchParams({ name: 'admin', password: PASSWORD, next: '/' }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: own.url };
    const answer = await own.ask('/login', { method: 'POST', body, headers });
    expect(answer.status, answer.body).toBe(303);
    const cookie = answer.headers['set-cookie']?.find((cookie) => cookie.startsWith(`${cookieName(own.url)}=`));
    for (const flag of [/;\s*Secure/i, /;\s*HttpOnly/i, /;\s*SameSite=Lax/i, /;\s*Path=\/(;|$)/i]) expect(cookie).toMatch(flag);
    expect(cookie).not.toMatch(/;\s*Domain=/i);

    const page = await context.newPage();
    await page.goto(`${own.url}/login`);
    await page.locator('input[name=name]').fill('admin');
    await page.locator('input[name=password]').fill(PASSWORD);
    await page.getByTestId('login').getByRole('button').click();
    await page.waitForURL(`${own.url}/`);
    const kept = (await context.cookies()).find(({ name }) => name === cookieName(own.url));
    expect(kept).toMatchObject({ secure: true, httpOnly: true, sameSite: 'Lax', path: '/' });
    expect(await page.evaluate(async () => (await fetch('/api/v1/logs')).status)).toBe(200);
  } finally {
    await context.close();
    await own.remove();
  }
});

test('a start with files that do not fit ends with the option, the file and the reason', async () => {
  const { program, certificates } = secured;
  certificates.make('renewed');
  const start = (...options: string[]) =>
    program.run('logboom', 'serve', '--listen', '127.0.0.1:0', '--data', program.file('other'), ...options);
  const [cert, key] = [program.file('good.pem'), program.file('good.key')];
  for (const [options, parts] of [
    [['--tls-cert', cert], ['--tls-key']],
    [['--tls-cert', cert, '--tls-key', program.file('renewed.key')], ['--tls-key', 'renewed.key', 'does not fit']],
    [['--tls-cert', program.file('gone.pem'), '--tls-key', key], ['--tls-cert', 'gone.pem', 'cannot be read']],
    [['--tls-cert', key, '--tls-key', key], ['--tls-cert', 'good.key', 'no certificate in this file']],
    [['--syslog-listen', 'tls://127.0.0.1:0'], ['--syslog-listen tls://127.0.0.1:0', '--tls-cert']],
  ] as const) {
    const failure = await start(...options).then(() => undefined, (error) => `${error.stdout}${error.stderr}`);
    for (const part of parts) expect(failure).toContain(part);
    expect(failure).not.toContain('PRIVATE KEY');
  }
});
