// Loki clients, in JSON and protobuf.
import { stored, unique } from '../fixtures/api.ts';
import { apart, client } from '../fixtures/clients.ts';
import { Doors } from '../fixtures/doors.ts';
import { expect, test } from '../fixtures/test.ts';

let doors: Doors;
test.beforeAll(async ({ engines }) => {
  doors = await Doors.start(engines);
});
test.afterAll(async () => doors.remove());

const failed = { message: 'order 17 is not paid: 카드', level: 'error', severity: 17 };
const traceId = '5b8efff798038103d269b633813fc60c';

for (const encoding of ['json', 'protobuf']) {
  test(`winston-loki sends in ${encoding}`, async () => {
    const service = unique('loki');
    const sent = await client('winston-loki.mjs', doors.url, service, encoding);
    const [record] = await stored(doors.api, service);
    expect(record).toMatchObject({ ...failed, trace_id: traceId, attributes: { order: 17, env: 'test, 1' } });
    expect(apart(record!.time, sent.time)).toBeLessThan(0.001);
    // Metadata that repeats a field of the line is stored once.
    expect(Object.keys(record!.attributes)).not.toContain('level');
    expect(Object.keys(record!.attributes)).not.toContain('trace_id');
  });
}

test('pino-loki sends the line as an object, and what it calls metadata', async () => {
  const service = unique('loki');
  const sent = await client('pino-loki.mjs', doors.url, service);
  const [record] = await stored(doors.api, service);
  expect(record).toMatchObject({ ...failed, node: 'till-1', trace_id: traceId, attributes: { order: 17, env: 'test' } });
  expect(apart(record!.time, sent.time)).toBeLessThan(0.001);
});

test('python-logging-loki sends a line of text under labels', async () => {
  const service = unique('loki');
  const sent = await client('loki.py', doors.url, service);
  const [record] = await stored(doors.api, service);
  expect(record).toMatchObject({ ...failed, attributes: { order: '17', logger: 'orders' } });
  expect(apart(record!.time, sent.time)).toBeLessThan(120);
});
