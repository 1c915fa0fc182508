// Keys in the real clients of each protocol, as their documentation says; and clients that can send none.
import { writeFileSync } from 'node:fs';
import { clientWith, type Caller, guarded, secretFile } from '../fixtures/access.ts';
import { Api, EventStream, stored, unique } from '../fixtures/api.ts';
import type { Doors } from '../fixtures/doors.ts';
import { Microservice } from '../fixtures/microservices.ts';
import { freePort } from '../fixtures/process.ts';
import { expect, test } from '../fixtures/test.ts';
import { WinstonService } from '../fixtures/winston.ts';

let doors: Doors;
let admin: Caller;
test.beforeAll(async ({ engines }) => {
  ({ doors, admin } = await guarded(engines));
});
test.afterAll(async () => doors.remove());

const write = () => admin.createKey({ name: 'writes', scopes: ['write'] });
const WRONG = `lb_00000000_${'0'.repeat(32)}`;

const otel = (key: string) => ({ OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${key}` });
const otelClients: [string, string, () => string][] = [
  ['opentelemetry-sdk.mjs', 'proto', () => `${doors.url}/v1/logs`],
  ['opentelemetry-sdk.mjs', 'http', () => `http://127.0.0.1:${doors.ports.otlp}/v1/logs`],
  ['opentelemetry-sdk.mjs', 'grpc', () => `http://${doors.program.grpcAddress}`],
  ['opentelemetry_sdk.py', 'http', () => `http://127.0.0.1:${doors.ports.otlp}/v1/logs`],
  ['opentelemetry_sdk.py', 'grpc', () => `http://${doors.program.grpcAddress}`],
];
for (const [file, protocol, place] of otelClients) {
  test(`OpenTelemetry's headers carry a key: ${file}, ${protocol}`, async () => {
    const { secret } = await write();
    const service = unique('otel');
    await clientWith(otel(secret), file, place(), service, protocol);
    expect((await stored(admin, service))[0]).toMatchObject({ message: 'order 17 is not paid: 카드', node: 'till-1' });
  });
}

/** Clients of services/clients/with-key.mjs, and the address that each takes. */
const keyed: Record<string, () => string> = {
  'elasticsearch-api-key': () => doors.url,
  'elasticsearch-basic': () => doors.url,
  'pino-elasticsearch': () => doors.url,
  'pino-loki': () => doors.url,
  'winston-loki': () => doors.url,
  'winston-http': () => doors.url,
  'logboom-winston': () => `http://${doors.program.grpcAddress}`,
};
for (const [name, place] of Object.entries(keyed)) {
  test(`${name} sends with a key, and nothing with a wrong one`, async () => {
    const { secret } = await write();
    const service = unique('keyed-shop');
    // Some of them report a refusal, others only try again.
    await clientWith({ LOGBOOM_KEY: WRONG }, 'with-key.mjs', name, place(), service).catch(() => undefined);
    await clientWith({ LOGBOOM_KEY: secret }, 'with-key.mjs', name, place(), service);
    const records = await stored(admin, service);
    expect(records.map(({ message }) => message)).toEqual([`sent by ${name}`]);
  });
}

test("Elastic's client for Python and Loki's for Python take the key as the password in the address", async () => {
  const { secret } = await write();
  const withKey = doors.url.replace('://', `://shop:${secret}@`);
  const [elastic, loki] = [unique('elastic-shop'), unique('loki')];
  expect(await clientWith({}, 'elasticsearch_client.py', withKey, elastic)).toMatchObject({ stored: 2, errors: [] });
  expect((await stored(admin, elastic, 4)).length).toBe(4);
  await clientWith({}, 'loki.py', withKey, loki);
  expect((await stored(admin, loki)).length).toBe(1);
});

test("Fluentd's shared key is that of a key that may write: fluent's own client, and chunks without it", async ({ engines }) => {
  const file = secretFile('to be replaced');
  const { doors: own, admin } = await guarded(engines);
  try {
    const { secret } = await admin.createKey({ name: 'fluent', scopes: ['write'], doors: ['fluent'], fields: { team: 'shop' } });
    writeFileSync(file, `${secret}\n`);
    await own.program.stop();
    own.program.add('--fluent-shared-key-file', file);
    await own.program.start();
    const place = `http://127.0.0.1:${own.ports.fluent}`;
    const tag = unique('fluent');
    await clientWith({ LOGBOOM_KEY: secret }, 'with-key.mjs', 'fluent', place, tag);
    expect((await stored(admin, tag))[0]).toMatchObject({ message: 'sent by fluent', attributes: { team: 'shop' } });
    await expect(clientWith({ LOGBOOM_KEY: WRONG }, 'with-key.mjs', 'fluent', place, tag)).rejects.toThrow();
    // Nobody is let in without the handshake, also on this machine.
    await expect(clientWith({}, 'fluent_chunks.py', own.ports.fluent, tag)).rejects.toThrow();
    expect((await stored(admin, tag)).length).toBe(1);
  } finally {
    await own.remove();
  }
});

test("a client that is unchanged, S1's service and dashboard, and S2's: --anonymous lets them in", async ({ engines }) => {
  const distributorPort = await freePort();
  const distributor = await Microservice.start('distributor.mjs', distributorPort);
  const network = '127.0.0.0/8';
  const options = ['--anonymous', `write=${network}`, '--anonymous', `read=${network}`, '--distributor', `127.0.0.1:${distributorPort}`];
  const { doors: own, admin } = await guarded(engines, ...options);
  const anybody = new Api(own.url);
  const service = await WinstonService.start(own.program.grpcAddress, unique('s1'));
  const members = await Microservice.start('members.mjs', distributorPort);
  try {
    const stream = await EventStream.open(`${own.url}/logs`, { origin: 'http://localhost:8080' });
    await service.log('info', 'from S1');
    for (;;) if ((await stream.next()).data.node === service.node) break;
    stream.close();
    expect((await anybody.get('/historical-logs', { message: 'from S1' })).status).toBe(200);

    await members.next();
    const s2 = unique('s2');
    await members.ask({ how: 'together', lines: [JSON.stringify({ service: s2, message: 'from S2' })] });
    expect((await stored(anybody, s2))[0]).toMatchObject({ message: 'from S2' });
    // To read and to write is not to administrate.
    expect((await fetch(`${own.url}/api/v1/keys`)).status).toBe(401);
    expect((await fetch(`${own.url}/api/v1/views/a`, { method: 'PUT', body: '{}' })).status).toBe(401);
    expect((await admin.call('GET', '/api/v1/keys')).status).toBe(200);
  } finally {
    await members.stop();
    await service.stop();
    await own.remove();
    await distributor.stop();
  }
});

test("without --anonymous, S1's unchanged service is refused with a reason", async () => {
  const service = await WinstonService.start(doors.program.grpcAddress, unique('s1'));
  try {
    await expect(service.log('info', 'not let in')).rejects.toThrow(/key/);
  } finally {
    await service.stop();
  }
});
