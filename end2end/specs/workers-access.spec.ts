// Access on two nodes with one database: what one node decides, the other one knows at once.
import { readFileSync } from 'node:fs';
import { bearer, Caller, cookieAt, cookieOf, form, logIn, PASSWORD } from '../fixtures/access.ts';
import { EventStream } from '../fixtures/api.ts';
import { engines, type Ready } from '../fixtures/engines.ts';
import { GrpcClient, status } from '../fixtures/grpc.ts';
import { until } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

// Servers of its own: an admin would close those that other tests share.
let ready: Ready;
test.beforeAll(async () => {
  test.setTimeout(180_000);
  const shared = ['LOGBOOM_TEST_AMQP_URL', 'LOGBOOM_TEST_POSTGRES_URL'].map((name) => [name, process.env[name]] as const);
  shared.forEach(([name]) => delete process.env[name]);
  ready = await engines('distributed');
  shared.forEach(([name, value]) => value !== undefined && (process.env[name] = value));
});
test.afterAll(async () => ready?.release());

test('two nodes share one set-up token, and know new keys, revoked ones and sessions of the other at once', async () => {
  const nodes: Program[] = [];
  try {
    for (const _ of [0, 1]) {
      const node = await Program.unstarted(ready.options);
      node.host = '0.0.0.0';
      nodes.push(node);
    }
    await Promise.all(nodes.map((node) => node.start()));
    const [one, other] = nodes as [Program, Program];
    const token = (node: Program) => /\/setup#token=([\w-]+)/.exec(readFileSync(node.logFile, 'utf8'))?.[1];
    await until('both have printed the address', async () => nodes.every((node) => token(node) !== undefined));
    expect(token(one)).toBe(token(other));
    const fields = { token: token(other)!, name: 'kim', password: PASSWORD, repeated: PASSWORD, repeat: PASSWORD };
    const cookie = cookieOf(await form(one.url, '/setup', fields))!;
    expect(cookie).toBeDefined();
    // The session of one node, on the other one, without a wait.
    const admin = new Caller(other.url, { cookie: cookieAt(other.url, cookie) });
    expect(await admin.ask('GET', '/api/v1/me')).toMatchObject({ name: 'user kim' });
    await logIn(other.url, 'kim', PASSWORD);

    const here = await logIn(one.url, 'kim', PASSWORD);
    const key = await here.createKey({ name: 'both', scopes: ['write', 'read'] });
    expect((await new Caller(other.url, bearer(key.secret)).post('{"message":"m"}')).status, 'a key that is new').toBe(200);
    const tail = await EventStream.open(`${other.url}/api/v1/tail`, bearer(key.secret));
    const client = new GrpcClient(other.grpcAddress, key.secret);
    let outcome!: Promise<{ code: number }>;
    await new Promise<void>((opened) => (outcome = client.open(opened)));
    const began = Date.now();
    await here.revokeKey(key.id);
    await expect(async () => {
      for (;;) await tail.next();
    }).rejects.toThrow();
    expect([status.UNAUTHENTICATED, status.PERMISSION_DENIED]).toContain((await outcome).code);
    client.close();
    expect(Date.now() - began).toBeLessThan(60_000);
    expect((await new Caller(other.url, bearer(key.secret)).post('{"message":"m"}')).status).toBe(401);
    await form(one.url, '/logout', {}, { cookie });
    await until('the other node knows of the log-out', async () => (await admin.call('GET', '/api/v1/me')).status === 401);
  } finally {
    for (const node of nodes) await node.remove();
  }
});
