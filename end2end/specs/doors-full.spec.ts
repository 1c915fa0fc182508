// An overloaded server reports so in each protocol, with a retry delay; accepted records are
// stored.
import grpc from '@grpc/grpc-js';
import { stored, unique } from '../fixtures/api.ts';
import { Doors } from '../fixtures/doors.ts';
import { expect, test } from '../fixtures/test.ts';

let doors: Doors;
test.beforeAll(async ({ engines }) => {
  doors = await Doors.start(engines, '--max-in-flight', '10');
});
test.afterAll(async () => doors.remove());

/** More concurrent requests than the server admits. */
const CALLS = 40;
const RECORDS = 6;
const times = <T>(make: () => T) => Array.from({ length: RECORDS }, make);

const bodies: Record<string, [type: string, body: (service: string) => string]> = {
  '/api/v1/push': ['application/json', (service) => JSON.stringify(times(() => ({ service, message: 'm' })))],
  '/_bulk': ['application/x-ndjson', (service) => times(() => `{"create":{}}\n{"service":"${service}","message":"m"}\n`).join('')],
  '/loki/api/v1/push': [
    'application/json',
    (service) => JSON.stringify({ streams: [{ stream: { service }, values: times(() => [`${Date.now()}000000`, 'm']) }] }),
  ],
  '/v1/logs': [
    'application/json',
    (service) => {
      const resource = { attributes: [{ key: 'service.name', value: { stringValue: service } }] };
      const logRecords = times(() => ({ body: { stringValue: 'm' } }));
      return JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] });
    },
  ],
};

for (const [path, [type, body]] of Object.entries(bodies)) {
  test(`${path} answers 429 with Retry-After`, async () => {
    const service = unique('full');
    const send = () => fetch(doors.url + path, { method: 'POST', headers: { 'content-type': type }, body: body(service) });
    const answers = await Promise.all(Array.from({ length: CALLS }, send));
    // How many calls meet at the server depends on the machine.
    for (let more = 0; more < 20 && answers.every((answer) => answer.ok); more++) {
      answers.push(...(await Promise.all(Array.from({ length: CALLS }, send))));
    }
    const taken = answers.filter((answer) => answer.ok);
    const refused = answers.filter((answer) => !answer.ok);
    expect(taken.length).toBeGreaterThan(0);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) {
      expect(answer.status).toBe(429);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
    expect(await stored(doors.api, service, taken.length * RECORDS)).toHaveLength(taken.length * RECORDS);
  });
}

test('OTLP over gRPC answers RESOURCE_EXHAUSTED with RetryInfo', async () => {
  const service = unique('full');
  const field = (tag: number, content: Buffer) => Buffer.concat([Buffer.from([(tag << 3) | 2, content.length]), content]);
  const text = (value: string) => field(1, Buffer.from(value));
  const name = field(1, Buffer.concat([text('service.name'), field(2, text(service))]));
  const records = times(() => field(2, field(5, text('m'))));
  const request = field(1, Buffer.concat([field(1, name), field(2, Buffer.concat(records))]));
  const client = new grpc.Client(doors.program.grpcAddress, grpc.credentials.createInsecure());
  const same = (bytes: Buffer) => bytes;
  const path = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';
  const send = () =>
    new Promise<grpc.ServiceError | null>((done) => client.makeUnaryRequest(path, same, same, request, (error) => done(error)));
  const answers = await Promise.all(Array.from({ length: CALLS }, send));
  for (let more = 0; more < 20 && answers.every((error) => error === null); more++) {
    answers.push(...(await Promise.all(Array.from({ length: CALLS }, send))));
  }
  const refused = answers.filter((error) => error !== null);
  const taken = answers.length - refused.length;
  expect(taken).toBeGreaterThan(0);
  expect(refused.length).toBeGreaterThan(0);
  for (const error of refused) {
    expect(error.code).toBe(grpc.status.RESOURCE_EXHAUSTED);
    expect(String(error.metadata.get('grpc-status-details-bin')[0])).toContain('google.rpc.RetryInfo');
  }
  client.close();
  expect(await stored(doors.api, service, taken * RECORDS)).toHaveLength(taken * RECORDS);
});
