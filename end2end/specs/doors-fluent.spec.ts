// Fluentd's forward protocol: its Python logger, and chunks that request an acknowledgement.
import { stored, unique } from '../fixtures/api.ts';
import { apart, client } from '../fixtures/clients.ts';
import { Doors } from '../fixtures/doors.ts';
import { expect, test } from '../fixtures/test.ts';

let doors: Doors;
test.beforeAll(async ({ engines }) => {
  doors = await Doors.start(engines);
});
test.afterAll(async () => doors.remove());

for (const kind of ['sender', 'handler']) {
  test(`fluent-logger's ${kind} sends a record with its nanoseconds`, async () => {
    const tag = unique('fluent');
    const sent = await client('fluent_logger.py', doors.ports.fluent, tag, kind);
    const [record] = await stored(doors.api, tag);
    expect(record).toMatchObject({
      message: 'order 17 is not paid: 카드',
      level: 'error',
      severity: 17,
      trace_id: '5b8efff798038103d269b633813fc60c',
      attributes: { order: 17, 'card.kind': 'visa', tag },
    });
    expect(apart(record!.time, sent.time)).toBeLessThan(0.001);
  });
}

test('chunks are acknowledged in every mode, and durable then', async () => {
  const tag = unique('chunks');
  const sent = await client('fluent_chunks.py', doors.ports.fluent, tag);
  const names = ['forward', 'packed', 'compressed', 'message'];
  expect(sent.acknowledged).toEqual(Object.fromEntries(names.map((name) => [name, name])));
  // After the acknowledgement the client may discard the chunk, even if the server crashes.
  await doors.program.kill();
  await doors.program.start();
  const records = await stored(doors.api, tag, 7);
  const messages = ['forward 1', 'forward 2', 'packed 1', 'packed 2', 'compressed 1', 'compressed 2', 'message 1'];
  expect(records.map(({ message }) => message).sort()).toEqual(messages.sort());
  for (const record of records) {
    expect(record).toMatchObject({ level: 'error', attributes: { order: 17, tag } });
    expect(record.time).toMatch(/\.123456789Z$/);
    expect(apart(record.time, sent.time)).toBeLessThan(0.001);
  }
});
