// Keys at every door: what opens, what refuses, what a key adds, how much it may send, and its end.
import { EventStream, stored, unique } from '../fixtures/api.ts';
import { bearer, Caller, type CreatedKey, guarded, type NewKey } from '../fixtures/access.ts';
import type { Doors } from '../fixtures/doors.ts';
import { GrpcClient, status } from '../fixtures/grpc.ts';
import { until } from '../fixtures/process.ts';
import { expect, test } from '../fixtures/test.ts';

let doors: Doors;
let admin: Caller;
test.beforeAll(async ({ engines }) => {
  ({ doors, admin } = await guarded(engines));
});
test.afterAll(async () => doors.remove());

const write = (more: Partial<NewKey> = {}) => admin.createKey({ name: 'writes', scopes: ['write'], ...more });
const read = (more: Partial<NewKey> = {}) => admin.createKey({ name: 'reads', scopes: ['read'], ...more });
const as = (key: { secret: string }) => new Caller(doors.url, bearer(key.secret));
const WRONG = `lb_00000000_${'0'.repeat(32)}`;

type Call = { path: string; method?: string; type?: string; body?: string; ok: number };

/** A call of each HTTP door, with a record of this service. */
const writes = (service: string): Record<string, Call> => {
  const record = JSON.stringify({ service, message: 'm' });
  const value = { stringValue: service };
  const resource = { attributes: [{ key: 'service.name', value }] };
  const otlp = { resourceLogs: [{ resource, scopeLogs: [{ logRecords: [{ body: { stringValue: 'm' } }] }] }] };
  const loki = { streams: [{ stream: { service }, values: [[`${Date.now()}000000`, 'm']] }] };
  const bulk = `{"create":{"_index":"shop"}}\n${record}\n`;
  return {
    json: { path: '/api/v1/push', body: record, ok: 200 },
    put: { path: '/put', body: record, ok: 200 },
    otlp: { path: '/v1/logs', body: JSON.stringify(otlp), ok: 200 },
    loki: { path: '/loki/api/v1/push', body: JSON.stringify(loki), ok: 204 },
    elastic: { path: '/_bulk', type: 'application/x-ndjson', body: bulk, ok: 200 },
  };
};

const READS: string[] = [
  '/api/v1/logs', '/api/v1/count', '/api/v1/histogram', '/api/v1/facets', '/api/v1/fields', '/api/v1/patterns', '/api/v1/export?format=ndjson',
  '/api/v1/figures', '/api/v1/ledger', '/api/v1/dead-letters', '/api/v1/parts/aside', '/api/v1/tasks', '/api/v1/views', '/api/v1/sinks',
  '/api/v1/replays', '/api/v1/me', '/historical-logs', '/metrics',
];

function send(call: Call, headers: Record<string, string>): Promise<Response> {
  const { path, method = 'POST', type = 'application/json', body } = call;
  return fetch(`${doors.url}${path}`, { method, headers: { 'content-type': type, ...headers }, body });
}

/** The status of a call that is refused, after checks of the refusal. */
async function refused(answer: Response, secret = ''): Promise<number> {
  const text = await answer.text();
  expect(text.length, 'the reason is there').toBeGreaterThan(10);
  if (secret) expect(text, 'the reason has no secret').not.toContain(secret.slice(12));
  if (answer.status === 401) expect(answer.headers.get('www-authenticate')).toContain('Bearer');
  return answer.status;
}

for (const door of ['json', 'put', 'otlp', 'loki', 'elastic']) {
  test(`the door ${door} takes a key that may write, and no other`, async () => {
    const service = unique('door');
    const call = writes(service)[door]!;
    const [good, reads] = [await write(), await read()];
    expect(await refused(await send(call, {})), 'without a key').toBe(401);
    expect(await refused(await send(call, bearer(WRONG)), WRONG), 'with a wrong key').toBe(401);
    expect(await refused(await send(call, bearer(reads.secret)), reads.secret), 'with a key that may read').toBe(403);
    expect((await send(call, bearer(good.secret))).status).toBe(call.ok);
    expect((await stored(admin, service)).length).toBe(1);
    await admin.revokeKey(good.id);
    expect(await refused(await send(call, bearer(good.secret)), good.secret), 'with a revoked key').toBe(401);
    expect((await stored(admin, service)).length).toBe(1);
  });
}

test('each reading call takes a key that may read, and no other', async () => {
  const [reads, writesOnly] = [await read(), await write()];
  for (const path of READS) {
    const get = (headers: Record<string, string>) => fetch(`${doors.url}${path}`, { headers });
    expect(await refused(await get({})), path).toBe(401);
    expect(await refused(await get(bearer(WRONG)), WRONG), path).toBe(401);
    expect(await refused(await get(bearer(writesOnly.secret)), writesOnly.secret), path).toBe(403);
    const answer = await get(bearer(reads.secret));
    await answer.text();
    expect(answer.status, path).toBe(200);
  }
});

test('a key is accepted wherever the protocol carries secrets', async () => {
  const { id, secret } = await write();
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  const ways: [string, Record<string, string>][] = [
    ['Bearer', { authorization: `Bearer ${secret}` }],
    ['Basic with the key as the password', { authorization: basic(`anybody:${secret}`) }],
    ['Basic with the key as the name', { authorization: basic(`${secret}:`) }],
    ['ApiKey', { authorization: `ApiKey ${secret}` }],
    ['ApiKey with an id', { authorization: `ApiKey ${Buffer.from(`${id}:${secret}`).toString('base64')}` }],
    ['Splunk', { authorization: `Splunk ${secret}` }],
    ['X-Api-Key', { 'x-api-key': secret }],
    ['X-Seq-ApiKey', { 'x-seq-apikey': secret }],
  ];
  const call = writes(unique('ways')).json!;
  for (const [way, headers] of ways) expect((await send(call, headers)).status, way).toBe(200);
  const put = writes(unique('ways')).put!;
  expect((await send({ ...put, path: `/put?key=${secret}` }, {})).status, '?key= of /put').toBe(200);
  expect((await send({ ...call, path: `/api/v1/push?key=${secret}` }, {})).status, '?key= of another door').toBe(401);
});

test('a body is not read before the key is known', async () => {
  // 32 MiB, which the limit of bodies would refuse with 413.
  const answer = await fetch(`${doors.url}/api/v1/push`, { method: 'POST', body: Buffer.alloc(32 << 20), headers: { connection: 'close' } }).catch(
    // The server may close the connection while the body is on its way.
    () => undefined,
  );
  if (answer) expect(answer.status).toBe(401);
  expect((await as(await write()).post(JSON.stringify({ message: 'm' }))).status).toBe(200);
});

test('gRPC takes a key as metadata: SendLog, Push and Stream', async () => {
  const [good, reads] = [await write(), await read()];
  const record = (service: string) => ({ service, records: [{ message: 'm', level: 'info' }], sequence: 1 });
  const at = doors.program.grpcAddress;
  for (const [key, code] of [[undefined, status.UNAUTHENTICATED], [WRONG, status.UNAUTHENTICATED], [reads.secret, status.PERMISSION_DENIED]] as const) {
    const client = new GrpcClient(at, key);
    for (const outcome of [await client.sendLog({ node: 'n', level: 'info', message: 'm' }), await client.push(record('s'))]) {
      expect(outcome.code).toBe(code);
      if (key) expect(outcome.details).not.toContain(key.slice(12));
    }
    await expect(client.stream(record('s'))).rejects.toMatchObject({ code });
    client.close();
  }
  const service = unique('grpc');
  const client = new GrpcClient(at, good.secret);
  expect((await client.sendLog({ node: service, level: 'info', message: 'one' })).code).toBe(status.OK);
  expect((await client.push(record(service))).code).toBe(status.OK);
  const [, acknowledged] = await client.stream(record(service));
  expect(acknowledged).toMatchObject({ acknowledged: { accepted: 1 } });
  client.close();
  expect((await stored(admin, service, 3)).length).toBe(3);
  // The main port takes the same calls.
  const main = new GrpcClient(`127.0.0.1:${doors.program.port}`);
  expect((await main.push(record('s'))).code).toBe(status.UNAUTHENTICATED);
  main.close();
});

test('a key fixes the service and adds fields, whatever the sender writes', async () => {
  const service = unique('fixed');
  const caller = as(await write({ service, fields: { team: 'shop', env: 'production' } }));
  const record = { service: 'another', message: 'm', team: 'other', order: 17 };
  expect((await caller.post(JSON.stringify(record))).status).toBe(200);
  const client = new GrpcClient(doors.program.grpcAddress, caller.headers.authorization!.slice('Bearer '.length));
  expect((await client.push({ service: 'another', records: [{ message: 'm' }] })).code).toBe(status.OK);
  client.close();
  for (const record of await stored(admin, service, 2)) {
    expect(record).toMatchObject({ service, attributes: { team: 'shop', env: 'production' } });
  }
  expect(await admin.logs('service:another message:m')).toEqual([]);
});

test('a key opens the doors that it names, and no other', async () => {
  const { id, secret } = await write({ doors: ['otlp', 'loki'] });
  const all = writes(unique('doors'));
  for (const [door, call] of Object.entries(all)) {
    const answer = await send(call, bearer(secret));
    if (['otlp', 'loki'].includes(door)) {
      expect(answer.status, door).toBe(call.ok);
      continue;
    }
    const text = await answer.text();
    expect(answer.status, door).toBe(403);
    // It names the key's public part, what it may, and the door.
    for (const part of [`lb_${id}`, 'otlp', 'loki', door]) expect(text).toContain(part);
  }
  const client = new GrpcClient(doors.program.grpcAddress, secret);
  expect((await client.push({ records: [{ message: 'm' }] })).code).toBe(status.PERMISSION_DENIED);
  client.close();
});

/** Sends until it is refused for the amount, at most `times` times. */
async function untilTooMany(key: CreatedKey, body: string, times: number): Promise<Response> {
  for (let time = 0; time < times; time += 1) {
    const answer = await send({ path: '/api/v1/push', body, ok: 200 }, bearer(key.secret));
    if (answer.status === 429) return answer;
    expect(answer.status, await answer.text()).toBe(200);
  }
  throw new Error(`not refused after ${times} requests`);
}

const records = (service: string, count: number) => Array.from({ length: count }, (_, n) => JSON.stringify({ service, message: `order ${n}` })).join('\n');

test('past the records per second of a key, the answer is 429 with the time to wait', async () => {
  const service = unique('rate');
  const key = await write({ records_per_second: 5 });
  const answer = await untilTooMany(key, records(service, 5), 20);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  expect(await answer.text()).toMatch(/5 records.*second|records.*per.second/i);
  const client = new GrpcClient(doors.program.grpcAddress, key.secret);
  // While the client connects, a second may pass, after which the key may send again.
  let outcome = await client.push({ service, records: Array.from({ length: 5 }, () => ({ message: 'm' })) });
  for (let more = 0; more < 20 && outcome.code === status.OK; more += 1) {
    outcome = await client.push({ service, records: Array.from({ length: 5 }, () => ({ message: 'm' })) });
  }
  expect([outcome.code, outcome.details]).toEqual([status.RESOURCE_EXHAUSTED, expect.stringMatching(/second/)]);
  client.close();
  // Other keys are not held back.
  expect((await as(await write()).post(records(service, 50))).status).toBe(200);
  // And the key itself goes on after the time.
  await until('the key may send again', async () => (await as(key).post(records(service, 1))).status === 200, 60, 500);
});

test('past the bytes per day of a key, the answer is 429 with the time to wait', async () => {
  const key = await write({ bytes_per_day: 4096 });
  const body = JSON.stringify({ service: unique('bytes'), message: 'x'.repeat(1000) });
  const answer = await untilTooMany(key, body, 10);
  const seconds = Number(answer.headers.get('retry-after'));
  expect(seconds).toBeGreaterThanOrEqual(1);
  expect(seconds).toBeLessThanOrEqual(86_400);
  expect(await answer.text()).toMatch(/bytes.*day|day.*bytes/i);
});

test('a key that expires opens nothing any more, and says so', async () => {
  const key = await read({ expires: new Date(Date.now() + 8000).toISOString() });
  expect((await as(key).call('GET', '/api/v1/logs')).status).toBe(200);
  const tail = await EventStream.open(`${doors.url}/api/v1/tail`, bearer(key.secret));
  await until('it has expired', async () => (await as(key).call('GET', '/api/v1/logs')).status === 401, 60);
  expect(await (await as(key).call('GET', '/api/v1/logs')).text()).toMatch(new RegExp(`lb_${key.id}.*expired`));
  await ended(tail);
  expect((await admin.call('POST', '/api/v1/keys', { name: 'past', scopes: ['read'], expires: '2020-01-01T00:00:00Z' })).status).toBe(400);
});

/** Waits until the server ends a stream. */
async function ended(stream: EventStream): Promise<void> {
  await expect(async () => {
    for (;;) await stream.next();
  }).rejects.toThrow(/the stream ended|terminated|aborted|socket/);
}

test('a revoked key ends its open tails and its open gRPC streams, and no others', async () => {
  const [reads, writesKey, other] = [await read(), await write(), await read()];
  const open = (key: CreatedKey, path: string) => EventStream.open(`${doors.url}${path}`, bearer(key.secret));
  const tails = [await open(reads, '/api/v1/tail'), await open(reads, '/logs')];
  const staying = await open(other, '/api/v1/tail');
  const client = new GrpcClient(doors.program.grpcAddress, writesKey.secret);
  let outcome!: Promise<{ code: number }>;
  await new Promise<void>((opened) => (outcome = client.open(opened)));
  await admin.revokeKey(reads.id);
  await admin.revokeKey(writesKey.id);
  for (const tail of tails) await ended(tail);
  expect([status.UNAUTHENTICATED, status.PERMISSION_DENIED]).toContain((await outcome).code);
  client.close();
  const service = unique('after');
  await as(await write()).push({ service, message: 'still live' });
  for (;;) if ((await staying.next()).data.service === service) break;
  staying.close();
});

test('a key with a filter and hidden fields reads these records without these fields, by every call', async () => {
  const [seen, unseen] = [unique('seen'), unique('unseen')];
  const word = unique('forbiddenword').replace('-', '');
  const caller = as(await write());
  await caller.push({ service: seen, message: 'shown', card: word }, { service: unseen, message: word });
  await stored(admin, seen);
  await stored(admin, unseen);
  const reader = as(await read({ filter: `service:${seen}`, hidden: ['card'] }));
  expect((await reader.logs('')).map(({ service }) => service)).toEqual([seen]);
  const [record] = await admin.logs(`service:${unseen}`);
  const calls = [
    '/api/v1/logs', '/api/v1/logs?query=card:*', `/api/v1/logs?query=${word}`, `/api/v1/logs/${record!.id}`, `/api/v1/logs/${record!.id}/context`,
    '/api/v1/facets?fields=service,card', '/api/v1/fields', '/api/v1/histogram', '/api/v1/patterns', '/api/v1/export?format=ndjson',
    '/api/v1/export?format=csv', '/api/v1/figures', '/api/v1/ledger', '/historical-logs', '/api/v1/dead-letters',
  ];
  for (const path of calls) {
    const text = await (await fetch(`${doors.url}${path}`, { headers: reader.headers })).text();
    expect(text, path).not.toContain(word);
    expect(text, path).not.toContain(unseen);
  }
  const count = async (query: string) => ((await (await reader.get('/api/v1/count', { query })).json()) as { count: number }).count;
  expect([await count(''), await count(`service:${unseen}`)]).toEqual([1, 0]);
  // A count alone would tell the value of a hidden field.
  expect((await reader.get('/api/v1/count', { query: `card:${word}` })).status).toBe(403);
});

test('keys are listed without secrets, and only for admins', async () => {
  const key = await write({ name: 'listed', service: 'shop', doors: ['json'], records_per_second: 5 });
  const [reads, admins] = [await read(), await admin.createKey({ name: 'admins', scopes: ['admin'] })];
  expect((await as(reads).call('GET', '/api/v1/keys')).status).toBe(403);
  const text = await (await as(admins).call('GET', '/api/v1/keys')).text();
  const listed = JSON.parse(text).find(({ id }: { id: string }) => id === key.id);
  expect(listed).toMatchObject({ name: 'listed', scopes: ['write'], service: 'shop', doors: ['json'], records_per_second: 5 });
  for (const { secret } of [key, reads, admins]) expect(text).not.toContain(secret.slice(12));
  expect(text).not.toMatch(/[0-9a-f]{64}/);
  const me = await as(key).call('GET', '/api/v1/me');
  expect(me.status, 'a key that may only write reads nothing').toBe(403);
  expect(await as(admins).ask('GET', '/api/v1/me')).toMatchObject({ kind: 'key', name: expect.stringContaining(admins.id) });
});
