// Bad input at every door: the error names the field, the limit or the place, and a correction.
// Valid records of the same request are stored, and the server continues.
import { unique } from '../fixtures/api.ts';
import { status } from '../fixtures/grpc.ts';
import { expect, test } from '../fixtures/test.ts';

const MEBIBYTE = 1 << 20;
const bytes = (...parts: (string | Buffer | number[])[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part as number[]))));

test.describe('POST /api/v1/push', () => {
  // Each bad record between two good ones.
  const badRecords: [string, string | Buffer, RegExp][] = [
    ['a message past its limit', JSON.stringify({ message: 'x'.repeat(MEBIBYTE + 1) }), /message.*1048576|1048576.*message/s],
    ['invalid UTF-8', bytes('{"message":"', [0xff, 0xfe], '"}'), /UTF-8/],
    ['a number instead of an object', '7', /object/],
    ['broken JSON', '{"message":', /JSON|object/],
    ['an empty object', '{}', /message/],
    ['a service past its limit', JSON.stringify({ message: 'm', service: 's'.repeat(257) }), /service.*256/s],
    ['too many attributes', JSON.stringify({ message: 'm', ...Object.fromEntries(Array.from({ length: 257 }, (_, n) => [`k${n}`, n])) }), /attributes.*256/s],
    ['a key past its limit', JSON.stringify({ message: 'm', ['k'.repeat(257)]: 1 }), /256/],
    ['a value past its limit', JSON.stringify({ message: 'm', blob: 'v'.repeat(65_537) }), /blob.*65536/s],
    ['JSON that is nested too deeply', `{"message":"m","deep":${'{"a":'.repeat(200)}1${'}'.repeat(200)}}`, /deep|nest/i],
  ];
  for (const [what, bad, reason] of badRecords) {
    test(`refuses ${what}, and keeps the records around it`, async ({ api }) => {
      const service = unique('bad');
      const good = (message: string) => JSON.stringify({ service, message });
      const answer = await api.post(bytes(good('before'), '\n', bad, '\n', good('after')));
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({ accepted: 2, rejected: 1, rejections: [{ index: 1 }] });
      expect(answer.body.rejections[0].reason).toMatch(reason);
      await expect.poll(() => api.logs(`service:${service}`)).toHaveLength(2);
    });
  }

  test('stores a record with an unreadable time now, and keeps what was sent', async ({ api }) => {
    const service = unique('time');
    await api.push({ service, message: 'when?', time: 'the day before yesterday' });
    await expect.poll(() => api.logs(`service:${service}`)).toHaveLength(1);
    const [record] = await api.logs(`service:${service}`);
    expect(record!.attributes['time.original']).toBe('the day before yesterday');
    expect(Math.abs(Date.parse(record!.time) - Date.now())).toBeLessThan(120_000);
  });

  test('keeps 10,000 records of 10,001 and says which one is left', async ({ api }) => {
    const service = unique('many');
    const lines = Array.from({ length: 10_001 }, (_, n) => `{"service":"${service}","message":"${n}"}`);
    const answer = await api.post(lines.join('\n'));
    expect(answer.body).toMatchObject({ accepted: 10_000, rejected: 1, rejections: [{ index: 10_000 }] });
    expect(answer.body.rejections[0].reason).toContain('10000');
    const count = async () => (await (await api.get('/api/v1/count', { query: `service:${service}` })).json()).count;
    await expect.poll(count).toBe(10_000);
  });

  const badBodies: [string, BodyInit, Record<string, string>, number, RegExp][] = [
    ['an empty body', '', {}, 400, /empty/],
    ['a broken array', '[{"message":"a"},', {}, 400, /array/],
    ['a body past its limit', Buffer.alloc(8 * MEBIBYTE + 1, 'x'), {}, 413, /8388608/],
    ['an overlong Idempotency-Key', '{"message":"a"}', { 'idempotency-key': 'k'.repeat(257) }, 400, /Idempotency-Key.*256/s],
  ];
  for (const [what, body, headers, code, detail] of badBodies) {
    test(`refuses ${what} as a whole`, async ({ api }) => {
      const answer = await api.post(body, headers);
      expect(answer.status).toBe(code);
      expect(answer.body.detail).toMatch(detail);
    });
  }

  test('stores a repeated request with one Idempotency-Key once', async ({ api }) => {
    const service = unique('once');
    const body = JSON.stringify({ service, message: 'once' });
    for (let attempt = 0; attempt < 3; attempt++) {
      const answer = await api.post(body, { 'idempotency-key': service });
      expect(answer.body).toMatchObject({ accepted: 1 });
    }
    await api.push({ service, message: 'the last' });
    await expect.poll(async () => (await api.logs(`service:${service}`)).map((r) => r.message).sort()).toEqual([
      'once',
      'the last',
    ]);
  });
});

test.describe('SendLog', () => {
  const line = { node: 'n', timestamp: '', level: 'info', message: 'm' };
  const bad: [string, object, number, RegExp][] = [
    ['an empty message', { ...line, message: '' }, status.INVALID_ARGUMENT, /message/],
    ['a message past its limit', { ...line, message: 'x'.repeat(MEBIBYTE + 1) }, status.INVALID_ARGUMENT, /message.*1048576/s],
    ['a node past its limit', { ...line, node: 'n'.repeat(257) }, status.INVALID_ARGUMENT, /node.*256/s],
    ['a level past its limit', { ...line, level: 'l'.repeat(257) }, status.INVALID_ARGUMENT, /level.*256/s],
  ];
  for (const [what, request, code, details] of bad) {
    test(`refuses ${what}`, async ({ grpc }) => {
      const outcome = await grpc.sendLog(request);
      expect(outcome.code).toBe(code);
      expect(outcome.details).toMatch(details);
    });
  }

  test('refuses invalid UTF-8 and bytes that are no message, and goes on', async ({ grpc }) => {
    const notUtf8 = await grpc.raw('/LoggerService.Logger/SendLog', bytes([0x22, 2, 0xff, 0xfe]));
    expect(notUtf8.code).not.toBe(status.OK);
    expect(notUtf8.details).toMatch(/UTF-8/i);
    const noMessage = await grpc.raw('/LoggerService.Logger/SendLog', bytes([0xff, 0xff, 0xff]));
    expect(noMessage.code).not.toBe(status.OK);
    expect((await grpc.sendLog(line)).answer).toEqual({ success: true });
  });

  test('refuses a message past the size of a call', async ({ grpc }) => {
    const outcome = await grpc.sendLog({ ...line, message: 'x'.repeat(9 * MEBIBYTE) });
    expect([status.OUT_OF_RANGE, status.RESOURCE_EXHAUSTED]).toContain(outcome.code);
    expect(outcome.details).toMatch(/8388608/);
  });

  test('reads every form of timestamp, and keeps one that it cannot read', async ({ grpc, api }) => {
    const day = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    const [seconds, expected] = [Date.parse(`${day}T10:20:30Z`) / 1000, `${day}T10:20:30`];
    const forms = [
      `${day} 10:20:30:123`,
      `${day} 10:20:30.123`,
      `${day} 10:20:30`,
      `${day}T10:20:30.123Z`,
      `${day}T12:20:30+02:00`,
      String(seconds),
      `${seconds}123`,
      `${seconds}123456`,
      `${seconds}123456789`,
    ];
    const node = unique('forms');
    for (const timestamp of forms) {
      expect(await grpc.sendLog({ ...line, node, timestamp })).toMatchObject({ code: status.OK });
    }
    await grpc.sendLog({ ...line, node, timestamp: 'half past ten', message: 'unreadable' });
    const range = { from: `${day}T00:00:00Z` };
    await expect.poll(() => api.logs(`node:${node}`, range)).toHaveLength(forms.length + 1);
    for (const record of await api.logs(`node:${node}`, range)) {
      if (record.message === 'unreadable') expect(record.attributes['time.original']).toBe('half past ten');
      else expect(record.time.slice(0, 19)).toBe(expected);
    }
  });
});

test.describe('Push and Stream', () => {
  const record = (service: string, message: string) => ({ service, message });
  const mixed = (service: string) => [
    record(service, 'good'),
    record(service, ''),
    record(service, 'x'.repeat(MEBIBYTE + 1)),
    { ...record(service, 'm'), trace_id: Buffer.from([1, 2, 3]) },
    record(service, 'good too'),
  ];
  const refusals = [
    { index: 1, reason: expect.stringMatching(/message/) },
    { index: 2, reason: expect.stringMatching(/1048576/) },
  ];

  test('Push refuses bad records by their place and keeps the others', async ({ grpc, api }) => {
    const service = unique('push');
    const outcome = await grpc.push({ records: mixed(service), sequence: 5 });
    expect(outcome).toMatchObject({ code: status.OK, answer: { accepted: 3, rejected: refusals, sequence: 5 } });
    await expect.poll(() => api.logs(`service:${service}`)).toHaveLength(3);
    // An invalid trace id is kept as an attribute.
    const odd = (await api.logs(`service:${service}`)).find((found) => found.message === 'm');
    expect(odd!.attributes).toEqual({ 'trace_id.original': '010203' });
  });

  test('Push refuses 10,001 records under one id, and an id past its limit', async ({ grpc }) => {
    const records = Array.from({ length: 10_001 }, () => ({ message: 'm' }));
    const many = await grpc.push({ batch_id: Buffer.from(unique('many').slice(-16)), records });
    expect(many).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining('10000') });
    const id = await grpc.push({ batch_id: Buffer.alloc(17), records: [{ message: 'm' }] });
    expect(id).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringMatching(/batch_id.*16/s) });
  });

  test('Push stores a repeated batch once', async ({ grpc, api }) => {
    const service = unique('again');
    const batch = { batch_id: Buffer.from(service.slice(-16)), records: [record(service, 'once')] };
    for (let attempt = 0; attempt < 3; attempt++) {
      expect(await grpc.push(batch)).toMatchObject({ code: status.OK, answer: { accepted: 1 } });
    }
    await grpc.push({ records: [record(service, 'the last')] });
    const messages = async () => (await api.logs(`service:${service}`)).map((found) => found.message).sort();
    await expect.poll(messages).toEqual(['once', 'the last']);
  });

  test('Stream answers each batch, and goes on after a bad one', async ({ grpc, api }) => {
    const service = unique('stream');
    const events = await grpc.stream(
      { sequence: 1, records: mixed(service) },
      { sequence: 2, batch_id: Buffer.alloc(17), records: [record(service, 'no')] },
      { sequence: 3, records: [record(service, 'good again')] },
    );
    expect(events[0].window.batches).toBeGreaterThan(0);
    const acknowledged = (n: number) => events.find((event) => event.acknowledged?.sequence === n)?.acknowledged;
    expect(acknowledged(1)).toMatchObject({ accepted: 3, rejected: refusals });
    expect(acknowledged(3)).toMatchObject({ accepted: 1 });
    const failed = events.find((event) => event.failed)?.failed;
    expect(failed).toMatchObject({ sequence: 2, code: status.INVALID_ARGUMENT });
    expect(failed.reason).toMatch(/batch_id.*16/s);
    await expect.poll(() => api.logs(`service:${service}`)).toHaveLength(4);
  });
});

test.describe('the reading API', () => {
  const cases: [string, Record<string, string>, RegExp][] = [
    ['/api/v1/logs', { query: 'level:error AND (' }, /query/],
    ['/api/v1/logs', { query: Array(1000).fill('a:/x/').join(' ') }, /4096/],
    ['/api/v1/logs', { query: Array(17).fill('a:/x/').join(' ') }, /16 regular expressions/],
    ['/api/v1/count', { query: 'message:/(a{1000}){1000}/' }, /\(a\{1000\}\)\{1000\}.*4 MiB/s],
    ['/api/v1/tail', { query: Array(16).fill('a:/[\\w-]{20}/').join(' ') }, /4 MiB/],
    ['/api/v1/logs', { from: 'someday' }, /from.*-15m/s],
    ['/api/v1/logs', { from: '-1h', to: '-2h' }, /from is later than to/],
    ['/api/v1/logs', { limit: '10001' }, /limit.*10000/s],
    ['/api/v1/logs', { cursor: 'nonsense' }, /cursor/],
    ['/api/v1/logs', { qeury: 'x' }, /qeury/],
    ['/api/v1/histogram', { buckets: '1000000' }, /buckets/],
    ['/api/v1/tail', { after: 'x' }, /after/],
    ['/api/v1/tail', { batch: '0' }, /batch is 0.*1 to 1000/],
    ['/api/v1/tail', { batch: '1001' }, /batch is 1001/],
    ['/historical-logs', { limit: 'many' }, /limit/],
  ];
  for (const [path, parameters, detail] of cases) {
    test(`${path} says what is wrong with ${JSON.stringify(parameters)}`, async ({ api }) => {
      const answer = await api.get(path, parameters);
      expect(answer.status).toBe(400);
      expect(answer.headers.get('content-type')).toBe('application/problem+json');
      expect((await answer.json()).detail).toMatch(detail);
    });
  }

  test('an unknown record and an unknown call are not found', async ({ api }) => {
    expect((await api.get('/api/v1/logs/01900000-0000-7000-8000-000000000000')).status).toBe(404);
    expect((await api.get('/api/v1/nonsense')).status).toBe(404);
  });
});
