// JSON over HTTP: the default formats of loggers, field name settings, and the endpoint of
// buffering agents.
import { stored, unique } from '../fixtures/api.ts';
import { apart, client } from '../fixtures/clients.ts';
import { Doors } from '../fixtures/doors.ts';
import { expect, test } from '../fixtures/test.ts';

let doors: Doors;
test.beforeAll(async ({ engines }) => {
  doors = await Doors.start(engines);
});
test.afterAll(async () => doors.remove());

const push = (parameters: string, body: string | object, headers: Record<string, string> = {}) =>
  fetch(`${doors.url}/api/v1/push?${parameters}`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  });
const traceId = '5b8efff798038103d269b633813fc60c';

for (const mode of ['single', 'batch']) {
  test(`winston's own HTTP transport sends, ${mode}`, async () => {
    const service = unique('winston');
    const sent = await client('winston-http.mjs', doors.program.port, service, mode);
    const records = await stored(doors.api, service, 2);
    const common = { level: 'error', severity: 17, node: 'till-1', trace_id: traceId };
    const failed = records.find(({ message }) => message === 'order 17 is not paid: 카드');
    expect(failed).toMatchObject({ ...common, attributes: { order: 17 } });
    const error = records.find(({ message }) => message === 'no such card');
    expect(error).toMatchObject({ ...common, attributes: { order: 17, stack: expect.stringContaining('Error: no such card') } });
    expect(apart(failed!.time, sent.time)).toBeLessThan(0.001);
  });
}

test('fields have other names: by parameters, and by headers', async () => {
  const service = unique('named');
  const record = (text: string) => ({ text, when: '2026-11-20 10:20:30.5', how: 'WARN', where: 'till-1', trace: traceId, msg: 'kept' });
  const byParameters = new URLSearchParams({
    message_field: 'text', time_field: 'when', level_field: 'how', node_field: 'where', trace_id_field: 'trace', service,
  });
  expect((await push(String(byParameters), record('one'))).status).toBe(200);
  const byHeaders = {
    'Logboom-Message-Field': 'text', 'Logboom-Time-Field': 'when', 'Logboom-Level-Field': 'how',
    'Logboom-Node-Field': 'where', 'Logboom-Trace-Id-Field': 'trace', 'Logboom-Service': service,
  };
  expect((await push('', record('two'), byHeaders)).status).toBe(200);
  const records = await stored(doors.api, service, 2);
  expect(records.map(({ message }) => message).sort()).toEqual(['one', 'two']);
  for (const found of records) {
    expect(found).toMatchObject({
      level: 'warn', node: 'till-1', trace_id: traceId, time: '2026-11-20T10:20:30.500000000Z', attributes: { msg: 'kept' },
    });
  }
  const unknown = await push('mesage_field=text', record('three'));
  expect(unknown.status).toBe(400);
  expect((await unknown.json()).detail).toMatch(/mesage_field.*message_field/s);
});

test('debug shows what would be stored, and stores nothing', async () => {
  const service = unique('debug');
  const lines = `{"service":"${service}","msg":"a","level":40,"user":{"id":7}}\nnonsense\n`;
  const answer = await (await push('debug=1', lines)).json();
  expect(answer).toMatchObject({
    accepted: 1,
    rejected: 1,
    rejections: [{ index: 1, reason: expect.stringContaining('object') }],
    stored: false,
    records: [{ service, message: 'a', level: 'warn', severity: 13, attributes: { 'user.id': 7 } }],
  });
  await doors.api.store({ service, message: 'stored' });
  expect((await stored(doors.api, service)).map(({ message }) => message)).toEqual(['stored']);
});

test("plain text is a message a line, and Serilog's compact format is rendered", async () => {
  const service = unique('text');
  const compact = {
    '@t': '2026-11-20T10:20:30.5Z', '@mt': '{User} bought {Count} of {{these}}', '@l': 'Warning', '@tr': traceId,
    User: 'ann', Count: 3, service,
  };
  const text = await push(`service=${service}&level=debug`, `one: 카드\r\n\n${JSON.stringify(compact)}\n`, { 'content-type': 'text/plain; charset=utf-8' });
  expect(await text.json()).toMatchObject({ accepted: 2, rejected: 0 });
  const [bought, one] = await stored(doors.api, service, 2);
  expect(one).toMatchObject({ message: 'one: 카드', level: 'debug' });
  expect(bought).toMatchObject({
    message: 'ann bought 3 of {these}',
    level: 'warning',
    trace_id: traceId,
    time: '2026-11-20T10:20:30.500000000Z',
    attributes: { User: 'ann', Count: 3, '@mt': '{User} bought {Count} of {{these}}' },
  });
});

test('JSON is JSON also where a client that says nothing of it sends it as plain text', async () => {
  const service = unique('fetch');
  const records = [{ service, message: 'one' }, { service, message: 'two' }];
  // The default of `fetch`.
  const bodies = [JSON.stringify(records), JSON.stringify({ service, message: 'three' }, undefined, 2)];
  for (const body of bodies) expect((await fetch(`${doors.url}/api/v1/push`, { method: 'POST', body })).status).toBe(200);
  expect((await stored(doors.api, service, 3)).map(({ message }) => message).sort()).toEqual(['one', 'three', 'two']);
});

test('S3: `POST /put` takes JSON and answers {"result":"ok"} once buffered (it survives a kill; pages of localhost may call it)', async () => {
  const service = unique('put');
  const headers = { origin: 'http://localhost:8080', 'content-type': 'application/json' };
  const asked = await fetch(`${doors.url}/put`, {
    method: 'OPTIONS',
    headers: { ...headers, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
  });
  expect(asked.status).toBe(200);
  expect(asked.headers.get('access-control-allow-origin')).toBe('http://localhost:8080');
  const body = JSON.stringify({ service, message: 'buffered', level: 'warn', order: 17 });
  const answer = await fetch(`${doors.url}/put`, { method: 'POST', headers, body });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('access-control-allow-origin')).toBe('http://localhost:8080');
  expect(await answer.json()).toEqual({ result: 'ok' });
  const other = await fetch(`${doors.url}/put`, { method: 'POST', headers, body: 'no JSON' });
  expect([other.status, await other.text()]).toEqual([400, expect.not.stringContaining('"ok"')]);
  // Success means durable.
  await doors.program.kill();
  await doors.program.start();
  expect(await stored(doors.api, service)).toMatchObject([{ message: 'buffered', level: 'warn', attributes: { order: 17 } }]);
});
