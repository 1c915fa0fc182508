// Bad input at every door: the response names the field, the limit or the place, and a correction.
// Valid records around it are stored, and the door continues.
import { createSocket } from 'node:dgram';
import { type Socket, connect } from 'node:net';
import { once } from 'node:events';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { compressSync } from 'snappy';
import { stored, unique } from '../fixtures/api.ts';
import { client } from '../fixtures/clients.ts';
import { Doors } from '../fixtures/doors.ts';
import { expect, test } from '../fixtures/test.ts';

let doors: Doors;
test.beforeAll(async ({ engines }) => {
  doors = await Doors.start(engines);
});
test.afterAll(async () => doors.remove());

const MEBIBYTE = 1 << 20;
const bytes = (...parts: (string | number[])[]) => Buffer.concat(parts.map((part) => Buffer.from(part as string)));
const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

/** A valid request for each door. */
const good = {
  json: (service: string, message = 'good') => JSON.stringify({ service, message }),
  bulk: (service: string, message = 'good') => `{"create":{}}\n${JSON.stringify({ service, message })}\n`,
  loki: (service: string, message = 'good') =>
    JSON.stringify({ streams: [{ stream: { service }, values: [[`${Date.now()}000000`, message]] }] }),
  otlp: (service: string, message = 'good') => JSON.stringify(otlp(service, { body: { stringValue: message } })),
};

function otlp(service: string, ...logRecords: object[]): object {
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: service } }] };
  return { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] };
}

/** A Loki push in protobuf, uncompressed. */
function lokiProtobuf(labels: string, line: string) {
  const field = (tag: number, value: Uint8Array | string) => {
    const content = Buffer.from(value as string);
    return Buffer.concat([Buffer.from([(tag << 3) | 2, content.length]), content]);
  };
  return field(1, Buffer.concat([field(1, labels), field(2, field(2, line))]));
}

type Kind = keyof typeof good;
type HttpDoor = { path: string; kind: Kind; type: string; /** Where its answers say what is wrong. */ reason: (body: any) => string };

const problem = (body: any) => body.detail ?? JSON.stringify(body.rejections);
const elastic = (body: any) => body.error.reason;
const httpDoors: Record<string, HttpDoor> = {
  '/api/v1/push': { path: '/api/v1/push', kind: 'json', type: 'application/json', reason: problem },
  '/put': { path: '/put', kind: 'json', type: 'application/json', reason: problem },
  '/_bulk': { path: '/_bulk', kind: 'bulk', type: 'application/x-ndjson', reason: elastic },
  '/{index}/_doc': { path: '/shop/_doc', kind: 'json', type: 'application/json', reason: elastic },
  '/loki/api/v1/push': { path: '/loki/api/v1/push', kind: 'loki', type: 'application/json', reason: problem },
  '/v1/logs': { path: '/v1/logs', kind: 'otlp', type: 'application/json', reason: (body) => body.message },
};

async function post({ path, type }: HttpDoor, body: BodyInit, headers: Record<string, string> = {}) {
  const answer = await fetch(doors.url + path, { method: 'POST', body, headers: { 'content-type': type, ...headers } });
  const text = await answer.text();
  return { status: answer.status, text, body: text.startsWith('{') ? JSON.parse(text) : undefined };
}

/** Bodies that every door refuses. */
const everywhere: [string, BodyInit, Record<string, string>, number, RegExp][] = [
  ['an empty body', '', {}, 400, /empty/],
  ['a web page', '<!DOCTYPE html><p>hello', {}, 400, /JSON|\{"create":\{\}\}/],
  ['half an object', '{"message":', {}, 400, /EOF|column|create/],
  ['a number', '7', {}, 400, /object|create|expected/],
  ['a body past its limit', Buffer.alloc(8 * MEBIBYTE + 1, ' '), {}, 413, /8388608.*several requests/],
  ['a body that is too large once it is decompressed', gzipSync(Buffer.alloc(64 * MEBIBYTE, ' ')), { 'content-encoding': 'gzip' }, 413, /8388608/],
  ['text labelled gzip', '{"message":"m"}', { 'content-encoding': 'gzip' }, 400, /Content-Encoding/],
  ['a gzip body that is cut off', gzipSync('{"message":"m"}'.repeat(100)).subarray(0, 40), { 'content-encoding': 'gzip' }, 400, /Content-Encoding/],
  ['gzip without its label', gzipSync('{"message":"m"}'), {}, 400, /Content-Encoding: gzip/],
  ['an unknown Content-Encoding', '{"message":"m"}', { 'content-encoding': 'compress' }, 415, /compress.*gzip.*zstd/s],
  ['syslog', '<34>1 2026-01-01T00:00:00Z host app - - - message', {}, 400, /syslog.*--syslog-listen/],
  ['GELF', '{"version":"1.1","host":"a","short_message":"m"}', {}, 400, /GELF.*--gelf-listen/],
];
const foreign: [string, Kind, RegExp][] = [
  ['records in JSON', 'json', /\/api\/v1\/push|resourceLogs|streams|\{"create":\{\}\}/],
  ['a bulk request', 'bulk', /\/_bulk/],
  ["Loki's JSON", 'loki', /\/loki\/api\/v1\/push/],
  ['OTLP in JSON', 'otlp', /\/v1\/logs/],
];

for (const [name, door] of Object.entries(httpDoors)) {
  test.describe(name, () => {
    test.afterEach(async () => {
      const service = unique('after');
      expect((await post(door, good[door.kind](service))).status).toBeLessThan(300);
      await stored(doors.api, service);
    });

    for (const [what, body, headers, status, reason] of everywhere) {
      test(`refuses ${what}`, async () => {
        const answer = await post(door, body, headers);
        expect(answer, answer.text).toMatchObject({ status, body: expect.anything() });
        expect(door.reason(answer.body)).toMatch(reason);
      });
    }
    for (const [what, kind, reason] of foreign.filter(([, kind]) => kind !== door.kind)) {
      test(`tells ${what} the way`, async () => {
        const answer = await post(door, good[kind]('nobody'));
        expect(answer, answer.text).toMatchObject({ status: 400, body: expect.anything() });
        expect(door.reason(answer.body)).toMatch(reason);
      });
    }
    for (const [encoding, pack] of [['gzip', gzipSync], ['deflate', deflateSync], ['br', brotliCompressSync]] as const) {
      test(`reads what is compressed by ${encoding} and says so`, async () => {
        const service = unique('packed');
        const answer = await post(door, pack(good[door.kind](service)), { 'content-encoding': encoding });
        expect(answer.status, answer.text).toBeLessThan(300);
        expect(await stored(doors.api, service)).toMatchObject([{ message: 'good' }]);
      });
    }
  });
}

test.describe('records between good ones', () => {
  /** Invalid records. */
  const records: [string, string | Buffer, RegExp][] = [
    ['nested too deeply', `{"message":"m","deep":${nested(200)}}`, /deep.*32/],
    ['arrays nested too deeply', `{"message":"m","deep":${'['.repeat(5000)}${']'.repeat(5000)}}`, /deep|nest|recursion/],
    ['of invalid UTF-8', bytes('{"message":"', [0xff, 0xfe], '"}'), /UTF-8/],
    ['with a message past its limit', JSON.stringify({ message: 'x'.repeat(MEBIBYTE + 1) }), /message.*1048576/],
    ['with a value past its limit', JSON.stringify({ message: 'm', blob: 'v'.repeat(65_537) }), /blob.*65536/],
    ['no object', '[1]', /object/],
    ['broken', '{"message":"m"', /column/],
  ];
  for (const [what, record, reason] of records) {
    test(`/_bulk refuses one that is ${what} by its place`, async () => {
      const service = unique('bulk');
      const body = bytes(good.bulk(service, 'before'), '{"index":{"_index":"shop","_id":"7"}}\n', [...Buffer.from(record as string)], '\n', good.bulk(service, 'after'));
      const { status, body: answer } = await post(httpDoors['/_bulk']!, body);
      expect(status).toBe(200);
      expect(answer).toMatchObject({
        errors: true,
        items: [{ create: { status: 201 } }, { index: { _index: 'shop', _id: '7', status: 400 } }, { create: { status: 201 } }],
      });
      expect(answer.items[1].index.error).toMatchObject({ type: 'document_parsing_exception', reason: expect.stringMatching(reason) });
      await stored(doors.api, service, 2);
    });
  }

  test('/_bulk refuses what is no adding, by its place, and stops where it cannot know what follows', async () => {
    const service = unique('bulk');
    const body = `${good.bulk(service, 'before')}{"delete":{"_id":"1"}}\n{"update":{"_id":"2"}}\n{"doc":{}}\n${good.bulk(service, 'after')}`;
    const { body: answer } = await post(httpDoors['/_bulk']!, body);
    const refused = { status: 400, error: { reason: expect.stringMatching(/append-only.*create/s) } };
    expect(answer.items).toMatchObject([{ create: { status: 201 } }, { delete: refused }, { update: refused }, { create: { status: 201 } }]);
    await stored(doors.api, service, 2);
    const lost = await post(httpDoors['/_bulk']!, `${good.bulk(service, 'no')}{"message":"no action"}\n{}\n`);
    expect(lost).toMatchObject({ status: 400, body: { error: { reason: expect.stringMatching(/line 3.*create/s) } } });
  });

  test('Loki refuses lines by their number, and keeps the others', async () => {
    const service = unique('loki');
    const time = `${Date.now()}000000`;
    const values = [[time, 'before'], [time, 'x'.repeat(MEBIBYTE + 1)], [time, ''], [time, 'after']];
    const answer = await post(httpDoors['/loki/api/v1/push']!, JSON.stringify({ streams: [{ stream: { service }, values }] }));
    expect(answer.status).toBe(400);
    expect(answer.body.detail).toMatch(/2 of 4.*stored.*record 1.*1048576/s);
    expect((await stored(doors.api, service, 2)).map(({ message }) => message).sort()).toEqual(['after', 'before']);
  });

  const lokiBodies: [string, object, RegExp][] = [
    ['values that are no list', { streams: [{ stream: {}, values: 7 }] }, /streams\[0\]\.values: a number/],
    ['an entry without a line', { streams: [{ stream: {}, values: [['1']] }] }, /streams\[0\]\.values\[0\].*nanoseconds.*line/],
    ['a stream without lines', { streams: [{ stream: { a: 1 }, values: [] }] }, /streams\[0\]: it has no lines/],
    ['a misspelt field', { streams: [{ stream: {}, value: [['1', 'm']] }] }, /"value" is unknown/],
    ['a push without streams', { streams: [] }, /streams/],
  ];
  for (const [what, body, reason] of lokiBodies) {
    test(`Loki refuses ${what}`, async () => {
      const answer = await post(httpDoors['/loki/api/v1/push']!, JSON.stringify(body));
      expect(answer.status).toBe(400);
      expect(answer.body.detail).toMatch(reason);
    });
  }

  test('Loki in protobuf: what is no Snappy, what says that it is too large, labels that do not read', async () => {
    const door = { ...httpDoors['/loki/api/v1/push']!, type: 'application/x-protobuf' };
    const service = unique('loki');
    const push = (labels: string) => new Uint8Array(compressSync(lokiProtobuf(labels, 'good')));
    const cases: [BodyInit, RegExp][] = [
      [lokiProtobuf(`{service="${service}"}`, 'm'), /Snappy/],
      [bytes([0xff, 0xff, 0xff, 0xff, 0x0f], 'x'), /8388608|limit/],
      [push('service=shop'), /labels.*\{service=/],
    ];
    for (const [body, reason] of cases) {
      const answer = await post(door, body);
      expect(answer.status).toBe(400);
      expect(answer.body.detail).toMatch(reason);
    }
    expect((await post(door, push(`{service="${service}"}`))).status).toBe(204);
    // The body is always Snappy; only some clients declare it.
    const labelled = await post(door, push(`{service="${service}"}`), { 'content-encoding': 'snappy' });
    expect(labelled.status, 'says snappy').toBe(204);
    await stored(doors.api, service, 2);
  });

  test('Loki reads JSON also where nobody says that it is', async () => {
    const service = unique('loki');
    const form = { ...httpDoors['/loki/api/v1/push']!, type: 'application/x-www-form-urlencoded' };
    expect((await post(form, good.loki(service))).status, 'as curl sends it').toBe(204);
    await stored(doors.api, service);
  });

  test('OTLP counts the records that it refuses, says why, and keeps the others', async () => {
    const service = unique('otlp');
    const text = (stringValue: string) => ({ body: { stringValue } });
    const body = JSON.stringify(otlp(service, text('before'), text('x'.repeat(MEBIBYTE + 1)), text('after')));
    const answer = await post(httpDoors['/v1/logs']!, body);
    expect(answer).toMatchObject({ status: 200, body: { partialSuccess: { errorMessage: expect.stringMatching(/record 1.*1048576/s) } } });
    expect(Number(answer.body.partialSuccess.rejectedLogRecords)).toBe(1);
    await stored(doors.api, service, 2);
  });

  test('OTLP refuses wrong types by their place, other signals, and content that is neither JSON nor protobuf', async () => {
    const door = httpDoors['/v1/logs']!;
    const service = unique('otlp');
    const wrong = JSON.stringify(otlp(service, { body: { intValue: 'abc' } }, { body: { stringValue: 'good' } }));
    const place = /resourceLogs\[0\]\.scopeLogs\[0\]\.logRecords\[0\]\.body\.intValue: "abc"/;
    expect(await post(door, wrong)).toMatchObject({ status: 200, body: { partialSuccess: { errorMessage: expect.stringMatching(place) } } });
    expect(await stored(doors.api, service)).toMatchObject([{ message: 'good' }]);
    const misspelt = await post(door, '{"resourceLog":[{}]}');
    expect(misspelt, 'misspelt').toMatchObject({ status: 400, body: { code: 3, message: expect.stringMatching(/resourceLogs is missing/) } });
    const spans = await post(door, '{"resourceSpans":[]}');
    expect(spans, 'traces').toMatchObject({ status: 400, body: { message: expect.stringMatching(/resourceLogs|traces/) } });
    for (const signal of ['traces', 'metrics']) {
      const answer = await post({ ...door, path: `/v1/${signal}` }, '{}');
      expect(answer).toMatchObject({ status: 404, body: { detail: expect.stringContaining(signal) } });
    }
    const typeless = await post({ ...door, type: 'text/plain' }, good.otlp('nobody'));
    expect(typeless).toMatchObject({ status: 415, body: { detail: expect.stringMatching(/application\/x-protobuf.*application\/json/) } });
    const protobuf = await post({ ...door, type: 'application/x-protobuf' }, good.otlp('nobody'));
    expect(protobuf.status).toBe(400);
    expect(protobuf.text).toMatch(/JSON.*application\/json/);
    // An empty request is valid, too.
    expect((await post(door, '{}')).status).toBe(200);
  });

  test('half of an emoji costs no record', async () => {
    const half = '\ud83d cut in the middle';
    for (const [name, { kind }] of Object.entries(httpDoors)) {
      const service = unique('half');
      const answer = await post(httpDoors[name]!, good[kind](service, half));
      expect(answer.status, `${name}: ${answer.text}`).toBeLessThan(300);
      expect(await stored(doors.api, service), name).toMatchObject([{ message: '\ufffd cut in the middle' }]);
    }
  });
});

test.describe('doors that cannot answer', () => {
  async function connected(port: number): Promise<Socket> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.on('error', () => {});
    return socket;
  }
  const closed = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve));
  async function refused(door: string): Promise<number> {
    const metrics = await (await doors.api.get('/metrics')).text();
    return Number(new RegExp(`logboom_messages_refused_total\\{door="${door}"\\} (\\d+)`).exec(metrics)?.[1] ?? 0);
  }
  const datagram = async (port: number, ...messages: (Buffer | string)[]) => {
    const socket = createSocket('udp4');
    for (const message of messages) await new Promise((sent) => socket.send(message, port, '127.0.0.1', sent));
    socket.close();
  };

  for (const door of ['tcp', 'syslog', 'gelf', 'fluent'] as const) {
    test(`${door}: a message without end closes its connection, and garbage is no harm`, async () => {
      const port = doors.ports[door];
      const before = await refused(door);
      const endless = await connected(port);
      const end = closed(endless);
      // In the forward protocol, this is the header of a text of 4 GB.
      endless.write(door === 'fluent' ? Buffer.from([0xdb, 0xff, 0xff, 0xff, 0xff]) : Buffer.from('<34>'));
      for (let sent = 0; sent < 3 && !endless.destroyed; sent++) endless.write(Buffer.alloc(MEBIBYTE, 'x'));
      await end;
      const garbage = await connected(port);
      garbage.end(Buffer.from(Array.from({ length: 4096 }, (_, n) => (n * 167) % 256)));
      const request = await connected(port);
      request.end('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
      // Half a message, then the connection closes.
      const half = await connected(port);
      half.end(door === 'fluent' ? Buffer.from([0x93, 0xa1]) : '{"message":"half');
      await expect.poll(() => refused(door)).toBeGreaterThan(before);
    });
  }

  test('tcp and gelf go on with the next message, syslog takes what is none as a message', async () => {
    const service = unique('next');
    const tcp = await connected(doors.ports.tcp);
    tcp.end(`garbage\n\n{"a":\n${JSON.stringify({ service, message: 'tcp' })}\n`);
    const gelf = await connected(doors.ports.gelf);
    const of = (short_message: string) => JSON.stringify({ version: '1.1', host: 'h', _service: service, short_message });
    gelf.end(`garbage\0{"version":"1.1"}\0\0${of('')}\0${of('gelf')}\0`);
    const syslog = await connected(doors.ports.syslog);
    syslog.write('99999 <34>1 - - - - - - short\n');
    syslog.end();
    const lines = await connected(doors.ports.syslog);
    lines.end(`<34>1 2026-11-20T10:20:30Z h ${service} - - - syslog\n<34>1 2026-99-99T99:99:99Z h ${service} - - - no such time\n`);
    const records = await stored(doors.api, service, 4);
    expect(records.map(({ message }) => message).sort()).toEqual(['gelf', 'no such time', 'syslog', 'tcp']);
    const odd = records.find(({ message }) => message === 'no such time');
    expect(odd!.attributes['time.original']).toBe('2026-99-99T99:99:99Z');
  });

  test('datagrams: garbage, an empty one, chunks that lie, and a bomb', async () => {
    const service = unique('datagrams');
    const gelf = (short_message: string) => JSON.stringify({ version: '1.1', host: 'h', _service: service, short_message });
    await datagram(
      doors.ports.gelf,
      '', 'garbage', Buffer.from([0x1e, 0x0f]), bytes([0x1e, 0x0f], '12345678', [9, 3], 'x'), bytes([0x1e, 0x0f], '12345678', [0, 0]),
      bytes([0x1e, 0x0f], '12345678', [0, 200], 'x'), bytes([0x78, 0x9c], 'no zlib'), deflateSync(Buffer.alloc(16 * MEBIBYTE)),
      gzipSync(gelf('good')),
    );
    await datagram(doors.ports.syslog, '', Buffer.from([0, 1, 2, 0xff]), '<', '<34', `<34>1 - h ${service} - - - good`);
    expect((await stored(doors.api, service, 2)).map(({ message }) => message)).toEqual(['good', 'good']);
    await expect.poll(() => refused('gelf')).toBeGreaterThanOrEqual(7);
  });

  test('fluent: a broken chunk is not acknowledged, and closes its connection alone', async () => {
    const port = doors.ports.fluent;
    for (const broken of [[0xc1], [0x91, 0xa4, 0x48, 0x45, 0x4c, 0x4f], [0x80], [0x93, 0x01, 0x02, 0x03], Array(4000).fill(0x91)]) {
      const socket = await connected(port);
      const answered: Buffer[] = [];
      socket.on('data', (chunk) => answered.push(chunk));
      const end = closed(socket);
      socket.write(Buffer.from(broken));
      if (broken[0] === 0x91 && broken.length > 6) socket.write(Buffer.from([1]));
      await end;
      expect(answered).toEqual([]);
    }
    const tag = unique('fluent');
    await client('fluent_chunks.py', port, tag);
    await stored(doors.api, tag, 7);
  });
});
